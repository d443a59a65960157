"""`/api/v1/takedowns` as a stranger uses it, and the file that it stops."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from knox.models import AuthToken

from ledger.accounts.models import Account
from provenance.renders.models import Render
from rights.takedowns import actions as takedowns
from rights.takedowns.models import TakedownCase
from tests.factories import accounts
from tests.factories import renders as make_renders
from tests.factories import rights as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Account:
    return make_renders.person()


@pytest.fixture
def render(ada: Account) -> Render:
    return make_renders.released_row(ada, make_renders.cameo(ada), body=b"a film")


def _client(account: Account | None = None) -> Client:
    if account is None:
        return Client()
    _row, token = AuthToken.objects.create(account)
    return Client(headers={"Authorization": f"Bearer {token}"})


def _post(
    render: Render, *, by: Account | None = None, key: str | None = None, **fields: object
) -> Any:
    target = f"http://127.0.0.1:8000/api/v1/renders/{render.pk}/file"
    body = {"regime": "likeness", "target": target, **make.NOTICE, **fields}
    return _client(by).post(
        "/api/v1/takedowns",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": key or str(uuid4())},
    )


def _file(render: Render, by: Account) -> int:
    return int(_client(by).get(f"/api/v1/renders/{render.pk}/file").status_code)


class TestPost:
    def test_needs_no_account_and_shows_the_secret_once(self, render: Render) -> None:
        answer = _post(render)

        said = answer.json()
        assert answer.status_code == 201
        assert (said["state"], said["missing"]) == ("received", [])
        again = _client().get(f"/api/v1/takedowns/{said['id']}?secret={said['secret']}")
        assert "secret" not in again.json()

    def test_gives_the_same_case_to_the_same_key(self, render: Render) -> None:
        first, again = _post(render, key="k"), _post(render, key="k")

        assert first.json()["id"] == again.json()["id"]
        assert TakedownCase.objects.count() == 1

    def test_stops_the_file_at_once_where_the_regime_says_so(
        self, ada: Account, render: Render
    ) -> None:
        assert _file(render, ada) == 200

        _post(render, regime="intimate_image")

        assert _file(render, ada) == 451

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"regime": "no_fakes"}, 400, "invalid-input"),
            ({"country": "usa"}, 400, "invalid-input"),
            ({"contact_email": "nobody"}, 400, "invalid-input"),
            ({"statement": "x" * 5001}, 400, "invalid-input"),
            ({"target": "my video"}, 422, "takedown-target-not-found"),
            ({"regime": "estate"}, 403, "estate-has-no-standing"),
        ],
    )
    def test_refuses(self, render: Render, fields: Any, status: int, code: str) -> None:
        answer = _post(render, **fields)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert not TakedownCase.objects.exists()

    def test_for_an_estate_is_for_its_signed_in_claimant(self, render: Render) -> None:
        estate = make.estate()
        fields: dict[str, Any] = {"regime": "estate", "estate_id": str(estate.id)}

        assert _post(render, **fields).status_code == 403
        assert _post(render, by=accounts.account(), **fields).status_code == 403
        assert _post(render, by=estate.claimant, **fields).status_code == 201


class TestGet:
    def test_tells_the_clock_and_then_the_decision(self, ada: Account, render: Render) -> None:
        said = _post(render).json()
        where = f"/api/v1/takedowns/{said['id']}?secret={said['secret']}"
        before = _client().get(where).json()

        case_id, by = TakedownCase.objects.get().id, accounts.account()
        takedowns.uphold(case_id=case_id, by=by, facts="It is her.", at=make.NOON)

        after = _client().get(where).json()
        assert (before["state"], before["decision_facts"]) == ("received", None)
        assert before["decide_due_at"] > before["received_at"]
        assert (after["state"], after["decision_facts"]) == ("upheld", "It is her.")
        assert _file(render, ada) == 451

    @pytest.mark.parametrize("secret", ["", "?secret=", "?secret=guess"])
    def test_with_another_secret_looks_like_not_there(self, render: Render, secret: str) -> None:
        case_id = _post(render).json()["id"]

        answers = [
            _client().get(f"/api/v1/takedowns/{each}{secret}") for each in (case_id, uuid4())
        ]

        assert [each.status_code for each in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()


class TestHold:
    def test_answers_451_and_lifting_it_restores_the_file(
        self, ada: Account, render: Render
    ) -> None:
        case_id, by = _post(render).json()["id"], accounts.account()

        takedowns.hold(case_id=case_id, by=by, at=make.NOON)
        held = _file(render, ada)
        takedowns.reject(case_id=case_id, by=by, facts="It is not.", at=make.NOON)

        assert (held, _file(render, ada)) == (451, 200)


class TestCure:
    def test_completes_a_notice(self, render: Render) -> None:
        said = _post(render, no_consent=False).json()

        answer = _client().post(
            f"/api/v1/takedowns/{said['id']}/cure",
            {"secret": said["secret"], "no_consent": True},
            content_type="application/json",
        )

        assert (said["state"], said["missing"]) == ("cure_asked", ["no_consent"])
        assert (answer.status_code, answer.json()["state"]) == (200, "received")

    @pytest.mark.parametrize(("secret", "status"), [("guess", 404), (None, 409)])
    def test_refuses(self, render: Render, secret: str | None, status: int) -> None:
        said = _post(render).json()

        answer = _client().post(
            f"/api/v1/takedowns/{said['id']}/cure",
            {"secret": secret or said["secret"]},
            content_type="application/json",
        )

        assert answer.status_code == status


class TestConfirmation:
    def test_refuses_a_guess_and_an_unknown_case_alike(self, render: Render) -> None:
        case_id = _post(render).json()["id"]

        answers = [
            _client().post(
                f"/api/v1/takedowns/{each}/confirmation",
                {"token": "guess"},
                content_type="application/json",
            )
            for each in (case_id, uuid4())
        ]

        codes = {(each.status_code, each.json()["code"]) for each in answers}
        assert codes == {(422, "takedown-confirmation-wrong")}
