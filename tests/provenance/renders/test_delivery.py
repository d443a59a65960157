"""The delivery door: who gets which bytes, and that a withdrawn file reaches nobody."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import signing
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from ledger.accounts.models import Account
from ledger.consent.models import Hold
from provenance.renders import delivery, files
from provenance.renders.models import Delivery, Render
from provenance.renders.rules import State
from tests.factories import renders as make

pytestmark = pytest.mark.django_db

BODY = bytes(range(256)) * 8  # Stands for a sealed video: the door looks at bytes alone.


@pytest.fixture
def ada() -> Account:
    return make.person()


@pytest.fixture
def ben() -> Account:
    return make.person()


@pytest.fixture
def released(ada: Account, ben: Account) -> Render:
    return make.released_row(ben, make.cameo(ada), body=BODY)


def _client(account: Account) -> Client:
    _row, token = AuthToken.objects.create(account)
    return Client(headers={"Authorization": f"Bearer {token}"})


def _get(account: Account, render: Render, **headers: str) -> Any:
    return _client(account).get(f"/api/v1/renders/{render.pk}/file", headers=headers)


def _link(account: Account, render: Render) -> str:
    address = delivery.link_for(render_id=render.pk, account_id=account.id)
    return "/media/" + address.rsplit("/", 1)[1]


class TestFile:
    def test_reaches_each_co_owner_whole(
        self, ada: Account, ben: Account, released: Render
    ) -> None:
        for account in (ada, ben):
            answer = _get(account, released, Accept="video/*")

            assert answer.status_code == 200
            assert b"".join(answer.streaming_content) == BODY
            assert answer["ETag"] == f'"{hashlib.sha256(BODY).hexdigest()}"'
            assert (answer["Content-Type"], answer["Accept-Ranges"]) == ("video/mp4", "bytes")
            assert answer["Cache-Control"] == "private, no-store"

    def test_comes_in_parts(self, ben: Account, released: Render) -> None:
        answer = _get(ben, released, Range="bytes=100-199")

        assert answer.status_code == 206
        assert answer["Content-Range"] == f"bytes 100-199/{len(BODY)}"
        assert answer["Content-Length"] == "100"
        assert b"".join(answer.streaming_content) == BODY[100:200]

    def test_says_when_a_part_is_not_there(self, ben: Account, released: Render) -> None:
        answer = _get(ben, released, Range=f"bytes={len(BODY)}-")

        assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{len(BODY)}")

    def test_says_when_nothing_changed(self, ben: Account, released: Render) -> None:
        etag = f'"{hashlib.sha256(BODY).hexdigest()}"'

        assert _get(ben, released, **{"If-None-Match": etag}).status_code == 304
        assert (
            _get(ben, released, **{"If-Range": '"other"', "Range": "bytes=0-1"}).status_code == 200
        )

    def test_answers_head_without_a_body(self, ben: Account, released: Render) -> None:
        answer = _client(ben).head(f"/api/v1/renders/{released.pk}/file")

        assert (answer.status_code, answer["Content-Length"]) == (200, str(len(BODY)))
        assert not Delivery.objects.exists()

    def test_is_written_down_before_it_leaves(self, ben: Account, released: Render) -> None:
        _get(ben, released, Range="bytes=5-9")

        row = Delivery.objects.get()
        assert (row.account_id, row.door, row.is_draft) == (ben.id, "api", False)
        assert (row.first_byte, row.last_byte) == (5, 9)

    def test_looks_like_not_there_to_a_stranger(self, released: Render) -> None:
        answer = _get(make.person(), released)

        assert (answer.status_code, answer.json()["code"]) == (404, "render-not-found")

    def test_needs_a_token(self, released: Render) -> None:
        assert Client().get(f"/api/v1/renders/{released.pk}/file").status_code == 401

    def test_reaches_an_auditor(self, released: Render) -> None:
        auditor = make.person(is_staff=True)
        assert _get(auditor, released).status_code == 404
        auditor.user_permissions.add(Permission.objects.get(codename="view_render"))

        assert _get(auditor, released).status_code == 200

    def test_is_not_there_before_the_release(self, ada: Account, ben: Account) -> None:
        render = make.requested(ben, make.cameo(ada))

        assert _get(ben, render).json()["code"] == "file-not-there"

    def test_is_not_there_when_the_disk_lost_it(self, ben: Account, released: Render) -> None:
        files.destroy(released.sealed_path)

        assert _get(ben, released).json()["code"] == "file-not-there"


class TestWithdrawn:
    def test_answers_451_at_once_by_every_door(
        self, ada: Account, ben: Account, released: Render
    ) -> None:
        link = _link(ben, released)
        assert Client().get(link).status_code == 200

        make.withdraw(released)

        for answer in (_get(ada, released), _get(ben, released), Client().get(link)):
            assert (answer.status_code, answer.json()["code"]) == (451, "withdrawn")
        assert Delivery.objects.count() == 1

    def test_is_not_told_to_a_stranger(self, released: Render) -> None:
        make.withdraw(released)

        assert _get(make.person(), released).status_code == 404

    def test_a_hold_stops_it_while_it_stands(self, ben: Account, released: Render) -> None:
        hold = Hold.objects.create(
            use_id=released.pk, ground="legal-hold", starts_at=timezone.now() - timedelta(days=1)
        )
        assert _get(ben, released).status_code == 451

        Hold.objects.filter(pk=hold.pk).update(ends_at=timezone.now())
        assert _get(ben, released).status_code == 200


class TestDraft:
    def test_reaches_co_owners_while_it_waits_for_approval(
        self, ada: Account, ben: Account
    ) -> None:
        render = make.row_in(State.APPROVAL_PENDING, ben, make.cameo(ada), body=BODY)

        for account in (ada, ben):
            assert b"".join(_get(account, render).streaming_content) == BODY
        assert set(Delivery.objects.values_list("is_draft", flat=True)) == {True}

    def test_does_not_reach_an_auditor(self, ada: Account, ben: Account) -> None:
        render = make.row_in(State.APPROVAL_PENDING, ben, make.cameo(ada), body=BODY)
        auditor = make.person(is_staff=True)
        auditor.user_permissions.add(Permission.objects.get(codename="view_render"))

        assert _get(auditor, render).json()["code"] == "file-not-there"

    def test_is_stopped_by_a_hold(self, ada: Account, ben: Account) -> None:
        cameo = make.cameo(ada)
        render = make.row_in(State.APPROVAL_PENDING, ben, cameo, body=BODY)
        Hold.objects.create(cameo=cameo, ground="intimate-image-report", starts_at=timezone.now())

        assert _get(ada, render).status_code == 451

    @pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])
    def test_is_nobodys_once_it_ended(self, ada: Account, ben: Account, state: State) -> None:
        render = make.row_in(state, ben, make.cameo(ada), body=BODY)

        assert _get(ada, render).json()["code"] == "file-not-there"


class TestLink:
    def test_delivers_without_a_token(self, ben: Account, released: Render) -> None:
        answer = Client().get(_link(ben, released), headers={"Range": "bytes=0-9"})

        assert b"".join(answer.streaming_content) == BODY[:10]
        assert Delivery.objects.get().door == "link"

    def test_runs_out(self, ben: Account, released: Render, settings: Any) -> None:
        link = _link(ben, released)
        settings.MEDIA_LINK_TTL_S = -1

        assert Client().get(link).json()["code"] == "link-invalid"

    def test_is_worth_nothing_when_changed(self, ben: Account, released: Render) -> None:
        link = _link(ben, released)

        for wrong in (link[:-2] + "xx", "/media/nonsense", "/media/" + "x" * 301, link.swapcase()):
            assert Client().get(wrong).status_code == 404

    def test_signed_for_another_purpose_is_none(self, ben: Account, released: Render) -> None:
        token = signing.dumps([released.pk.hex, ben.id.hex], salt="another.purpose")

        assert Client().get(f"/media/{token}").json()["code"] == "link-invalid"

    def test_of_a_stranger_opens_nothing(self, released: Render) -> None:
        assert Client().get(_link(make.person(), released)).status_code == 404

    def test_ends_with_its_holders_account(self, ben: Account, released: Render) -> None:
        link = _link(ben, released)
        Account.objects.filter(pk=ben.pk).update(is_active=False)

        assert Client().get(link).json()["code"] == "link-invalid"


class TestTheDatabase:
    def test_refuses_to_change_or_forget_a_delivery(self, ben: Account, released: Render) -> None:
        _get(ben, released)

        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            Delivery.objects.update(first_byte=1)
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            Delivery.objects.all().delete()
