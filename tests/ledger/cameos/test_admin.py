"""The admin: who may decide, suspend and watch, and that looking leaves a trace."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from ledger.accounts.models import Account
from ledger.cameos import vault_files
from ledger.cameos.models import Cameo, Enrolment
from ledger.log.models import StagedEntry
from tests.factories import accounts, cameos
from tests.factories.cameos import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def staff(*codenames: str) -> Account:
    """Return somebody who may enter the admin, with these permissions."""
    made = accounts.account(is_staff=True)
    made.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


def signed_in(account: Account) -> Client:
    client = Client()
    client.force_login(account)
    return client


@pytest.fixture
def waiting(tmp_path: Path) -> Enrolment:
    row = cameos.enrolment(state="review", attempted_at=NOON)
    source, capture_id = tmp_path / "recording", uuid.uuid4()
    source.write_bytes(b"a face and a voice")
    path = vault_files.keep(cameo_id=row.cameo_id, capture_id=capture_id, source=source)
    cameos.capture(row, id=capture_id, path=path)
    return row


class TestReview:
    def test_is_decided_by_whoever_may(self, waiting: Enrolment) -> None:
        client = signed_in(staff("review_enrolment", "view_enrolment"))
        address = f"/admin/ledger/enrolment/{waiting.id}/review/"

        assert client.get(address).status_code == 200
        assert client.post(address, {"act": "approve", "reason": ""}).status_code == 200
        waiting.refresh_from_db()
        assert waiting.state == "review"

        answer = client.post(address, {"act": "approve", "reason": "seen on a call"})

        assert answer.status_code == 302
        waiting.refresh_from_db()
        assert (waiting.state, waiting.review_reason) == ("verified", "seen on a call")
        assert client.get(answer["Location"]).status_code == 200

    def test_is_refused_to_others(self, waiting: Enrolment) -> None:
        client = signed_in(staff("view_enrolment", "view_capture"))

        answer = client.post(
            f"/admin/ledger/enrolment/{waiting.id}/review/", {"act": "approve", "reason": "x"}
        )

        assert answer.status_code == 403
        waiting.refresh_from_db()
        assert waiting.state == "review"


class TestWatch:
    def test_shows_the_recording_once_the_reason_is_logged(self, waiting: Enrolment) -> None:
        client = signed_in(staff("view_capture"))
        address = f"/admin/ledger/enrolment/{waiting.id}/capture/"

        assert b"a face" not in client.get(address).content
        assert not StagedEntry.objects.exists()
        answer = client.post(address, {"reason": "case 7"})

        assert answer.content == b"a face and a voice"
        assert "no-store" in answer["Cache-Control"]
        assert b"capture.opened" in bytes(StagedEntry.objects.get().data)

    def test_is_refused_to_others(self, waiting: Enrolment) -> None:
        client = signed_in(staff("view_enrolment", "review_enrolment"))

        answer = client.post(f"/admin/ledger/enrolment/{waiting.id}/capture/", {"reason": "x"})

        assert answer.status_code == 403

    def test_is_not_there_for_an_unknown_one(self) -> None:
        client = signed_in(staff("view_capture"))

        assert client.get(f"/admin/ledger/enrolment/{uuid.uuid4()}/capture/").status_code == 404


class TestStanding:
    def test_suspends_and_resumes(self) -> None:
        made, client = cameos.cameo(), signed_in(staff("change_cameo", "view_cameo"))
        address = f"/admin/ledger/cameo/{made.id}/standing/"

        for expected in ("suspended", "active"):
            assert client.post(address, {"reason": "report 7"}).status_code == 302
            assert Cameo.objects.get(id=made.id).state == expected

        assert client.get(f"/admin/ledger/cameo/{made.id}/change/").status_code == 200

    def test_is_refused_to_others(self) -> None:
        made, client = cameos.cameo(), signed_in(staff("view_cameo"))

        answer = client.post(f"/admin/ledger/cameo/{made.id}/standing/", {"reason": "x"})

        assert answer.status_code == 403


class TestLists:
    @pytest.mark.parametrize("name", ["cameo", "enrolment", "terms", "destructioncertificate"])
    def test_are_seen_with_the_permission_alone(self, name: str) -> None:
        cameos.verified()

        seen = signed_in(staff(f"view_{name}")).get(f"/admin/ledger/{name}/")
        hidden = signed_in(staff()).get(f"/admin/ledger/{name}/")

        assert (seen.status_code, hidden.status_code) == (200, 403)

    def test_have_none_of_captures(self) -> None:
        assert signed_in(staff("view_capture")).get("/admin/ledger/capture/").status_code == 404
