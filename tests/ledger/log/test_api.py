"""The public log over HTTP, and records for those whom they are about."""

from __future__ import annotations

import base64
import hmac
import json
import shutil
import uuid

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from knox.models import AuthToken
from pytest_django import Settings

from ledger.accounts.models import Account
from ledger.log import actions as log
from ledger.log import checkpoints, identity, merkle, queries, tiles
from tests.conftest import NOON
from tests.factories import log as logs

pytestmark = pytest.mark.django_db(transaction=True)


def account() -> Account:
    name = uuid.uuid4().hex[:20]
    return Account.objects.create(email=f"{name}@example.com", handle=name)


def as_(person: Account) -> dict[str, str]:
    return {"authorization": f"Bearer {AuthToken.objects.create(person)[1]}"}


class TestPublicLog:
    def test_serves_the_checkpoint_and_is_not_cached(self, client: Client) -> None:
        logs.stage(3)
        logs.sequence_all()

        answer = client.get("/log/checkpoint")

        head, _ = checkpoints.opened(answer.content, log=identity.signer().verifier)
        assert head.size == 3
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert answer["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("has_folder", [True, False])
    def test_serves_tiles_and_bundles_for_ever(
        self, client: Client, settings: Settings, has_folder: bool
    ) -> None:
        logs.stage(258)
        logs.sequence_all()
        if not has_folder:
            shutil.rmtree(settings.LOG_PUBLIC_DIR)

        for name in tiles.names(old_size=0, size=258):
            answer = client.get(f"/log/{name.path()}")
            assert answer.content == queries.read_published(name)
            assert answer["Content-Type"] == "application/octet-stream"
            assert "immutable" in answer["Cache-Control"]
        assert client.get("/log/checkpoint").status_code == 200
        assert client.get("/log/vkey").content.decode().startswith(settings.LOG_ORIGIN)

    @pytest.mark.parametrize(
        "path",
        [
            "tile/0/001",
            "tile/0/000",
            "tile/0/000.p/4",
            "tile/entries/000.p/4",
            "tile/1/000.p/1",
            "tile/9/x999/x999/x999/x999/x999/x999/999",
            "tile/0/../../../keys/log.key",
            "tile/%2e%2e/%2e%2e/keys/log.key",
        ],
    )
    def test_has_nothing_else(self, client: Client, path: str) -> None:
        logs.stage(3)
        logs.sequence_all()

        answer = client.get(f"/log/{path}")

        assert answer.status_code == 404

    def test_says_so_before_anything_is_published(self, client: Client) -> None:
        answer = client.get("/log/checkpoint")

        assert (answer.status_code, answer.json()["code"]) == (503, "log-entry-not-yet-published")

    def test_takes_nothing(self, client: Client) -> None:
        assert client.post("/log/checkpoint").status_code == 405


class TestProof:
    def test_leads_the_entry_to_the_checkpoint(self, client: Client) -> None:
        ids = logs.stage(300)
        logs.sequence_all()

        answer = client.get(f"/api/v1/log/entries/{ids[7]}/proof", headers={"accept": "text/plain"})

        proof = checkpoints.parse_proof(answer.content.decode())
        head, _ = checkpoints.opened(proof.checkpoint, log=identity.signer().verifier)
        leaf = merkle.leaf_hash(queries.entry_data(ids[7]))
        reached = merkle.root_of_inclusion(
            leaf=leaf, index=proof.index, size=head.size, proof=proof.hashes
        )
        assert (proof.index, reached) == (7, head.root)
        assert answer["Content-Type"] == "text/plain; charset=utf-8"

    def test_is_not_there_for_an_unknown_entry(self, client: Client) -> None:
        answer = client.get(f"/api/v1/log/entries/{uuid.uuid4()}/proof")

        assert (answer.status_code, answer.json()["code"]) == (404, "log-entry-not-found")

    def test_is_asked_for_again_while_the_entry_is_staged(self, client: Client) -> None:
        (entry_id,) = logs.stage()

        answer = client.get(f"/api/v1/log/entries/{entry_id}/proof")

        assert (answer.status_code, answer.json()["code"]) == (503, "log-entry-not-yet-published")
        assert answer["Retry-After"]


class TestRecord:
    def test_is_handed_to_its_subject_and_can_be_checked_offline(self, client: Client) -> None:
        person = account()
        (entry_id,) = logs.stage(subject_id=person.id)
        logs.sequence_all()

        body = client.get(f"/api/v1/log/entries/{entry_id}/record", headers=as_(person)).json()

        salt = base64.b64decode(body["salt"])
        commitment = hmac.digest(salt, body["record_text"].encode(), "sha256")
        assert json.loads(body["entry"])["commitment"] == base64.b64encode(commitment).decode()
        assert body["record"] == {"rows": [], "details": {"number": 0}}
        assert checkpoints.parse_proof(body["proof"]).index == 0

    def test_is_handed_to_an_auditor(self, client: Client) -> None:
        auditor = account()
        auditor.user_permissions.add(Permission.objects.get(codename="view_record"))
        about_nobody, about_somebody = *logs.stage(), *logs.stage(subject_id=uuid.uuid4())
        logs.sequence_all()

        for entry_id in (about_nobody, about_somebody):
            answer = client.get(f"/api/v1/log/entries/{entry_id}/record", headers=as_(auditor))
            assert answer.status_code == 200

    @pytest.mark.parametrize("is_about_somebody", [True, False])
    def test_looks_as_if_it_were_not_there_to_others(
        self, client: Client, is_about_somebody: bool
    ) -> None:
        (entry_id,) = logs.stage(subject_id=account().id if is_about_somebody else None)
        logs.sequence_all()
        stranger = as_(account())

        theirs = client.get(f"/api/v1/log/entries/{entry_id}/record", headers=stranger)
        nobodys = client.get(f"/api/v1/log/entries/{uuid.uuid4()}/record", headers=stranger)

        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json()["code"] == nobodys.json()["code"] == "log-entry-not-found"

    def test_needs_somebody_who_is_signed_in(self, client: Client) -> None:
        (entry_id,) = logs.stage()

        assert client.get(f"/api/v1/log/entries/{entry_id}/record").status_code == 401

    def test_is_gone_once_its_subject_was_erased(self, client: Client) -> None:
        person = account()
        (entry_id,) = logs.stage(subject_id=person.id)
        with transaction.atomic():
            log.erase(subject_id=person.id, at=NOON)
        logs.sequence_all()

        answer = client.get(f"/api/v1/log/entries/{entry_id}/record", headers=as_(person))

        assert (answer.status_code, answer.json()["code"]) == (410, "vault-key-destroyed")
        assert client.get(f"/api/v1/log/entries/{entry_id}/proof").status_code == 200
