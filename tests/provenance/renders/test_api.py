"""`/api/v1/renders` as its clients see it."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.http.models import IdempotencyRecord
from provenance.renders import actions, attempts, events
from provenance.renders.models import Render
from provenance.renders.rules import State
from tests.factories import renders as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Account:
    return make.person()


@pytest.fixture
def ben() -> Account:
    return make.person()


@pytest.fixture
def cameo(ada: Account) -> Cameo:
    return make.cameo(ada)


def _client(account: Account) -> Client:
    _row, token = AuthToken.objects.create(account)
    return Client(headers={"Authorization": f"Bearer {token}"})


def _wish(*cast: Cameo, **changes: Any) -> dict[str, Any]:
    return {
        "prompt": "A quiet harbour",
        "cast": [str(one.id) for one in cast],
        "seconds": 2,
        "width_px": 480,
        "height_px": 270,
        **changes,
    }


def _post(account: Account, body: Any, *, key: str | None = None) -> Any:
    return _client(account).post(
        "/api/v1/renders",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": key or str(uuid.uuid4())},
    )


class TestPost:
    def test_creates_a_render(self, ben: Account, ada: Account, cameo: Cameo) -> None:
        answer = _post(ben, _wish(cameo, title="Harbour", seed=5))

        said = answer.json()
        assert (answer.status_code, said["state"], said["seed"]) == (201, "queued", 5)
        assert said["cast"] == [
            {
                "cameo_id": str(cameo.id),
                "owner_id": str(ada.id),
                "owner_handle": ada.handle,
                "is_inherited": False,
            }
        ]
        assert (said["quote"], said["credentials"], said["file_url"]) == (None, None, None)

    def test_gives_the_same_answer_to_the_same_key(self, ben: Account, cameo: Cameo) -> None:
        first, again = (_post(ben, _wish(cameo), key="k") for _ in range(2))

        assert first.json() == again.json()
        assert Render.objects.count() == 1

    def test_survives_a_crash_between_the_commit_and_the_answer(
        self, ben: Account, cameo: Cameo
    ) -> None:
        first = _post(ben, _wish(cameo), key="k")
        IdempotencyRecord.objects.update(
            status=None, body=None, created_at=timezone.now() - timedelta(minutes=5)
        )

        again = _post(ben, _wish(cameo), key="k")

        assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
        assert Render.objects.count() == 1

    def test_refuses_another_wish_under_the_same_key(self, ben: Account, cameo: Cameo) -> None:
        _post(ben, _wish(cameo), key="k")

        answer = _post(ben, _wish(cameo, prompt="Another"), key="k")

        assert answer.json()["code"] == "idempotency-key-reused"

    def test_quotes_the_fee(self, ben: Account, ada: Account) -> None:
        cameo = make.cameo(
            ada,
            purposes=["personal", "commercial"],
            fees={"commercial": {"amount_minor": 5_000, "currency": "usd"}},
        )
        make.payable(ada)

        said = _post(ben, _wish(cameo, purpose="commercial")).json()

        assert said["state"] == "payment_pending"
        assert (said["quote"]["amount_minor"], said["quote"]["currency"]) == (5_000, "usd")
        seen_by_ada = _client(ada).get(f"/api/v1/renders/{said['id']}").json()
        assert seen_by_ada["quote"] is None

    def test_says_of_a_denial_neither_by_whom_nor_why(self, ben: Account, ada: Account) -> None:
        hers = make.cameo(ada, audience="self")

        answer = _post(ben, _wish(hers, make.cameo(ben)))

        said = answer.json()
        assert (answer.status_code, said["code"]) == (403, "consent-denied")
        assert set(said) == {"type", "title", "status", "code", "render_id"}
        assert str(hers.id) not in answer.content.decode()
        kept = _client(ben).get(f"/api/v1/renders/{said['render_id']}").json()
        assert (kept["state"], kept["failure_code"]) == ("denied", "consent-denied")

    def test_keeps_a_denial_denied_when_asked_again(self, ben: Account, ada: Account) -> None:
        wish = _wish(make.cameo(ada, audience="self"))

        first, again = (_post(ben, wish, key="k") for _ in range(2))

        assert (again.status_code, again.json()) == (403, first.json())

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"prompt": ""}, "invalid-input"),
            ({"prompt": "   "}, "text-invalid"),
            ({"prompt": "x" * 4_001}, "invalid-input"),
            ({"prompt": ["x"]}, "invalid-input"),
            ({"title": "x" * 201}, "invalid-input"),
            ({"seconds": 0}, "length-invalid"),
            ({"seconds": 61}, "length-invalid"),
            ({"seconds": "NaN"}, "invalid-input"),
            ({"seconds": 1e9}, "invalid-input"),
            ({"width_px": 481}, "size-invalid"),
            ({"height_px": 4_320}, "size-invalid"),
            ({"height_px": -2}, "invalid-input"),
            ({"purpose": "unknown"}, "invalid-input"),
            ({"seed": -1}, "invalid-input"),
            ({"seed": 2**53}, "invalid-input"),
            ({"cast": []}, "cast-invalid"),
            ({"cast": "x"}, "invalid-input"),
            ({"cast": ["x"]}, "invalid-input"),
            ({"cast": [str(uuid.uuid4())] * 9}, "invalid-input"),
            ({"cast": [str(uuid.UUID(int=5))]}, "cameo-not-found"),
            ({"parent_id": str(uuid.UUID(int=5))}, "parent-not-found"),
            ({"drop": [str(uuid.UUID(int=5))]}, "cast-invalid"),
        ],
    )
    def test_refuses_a_wish_that_is_none(
        self, ben: Account, cameo: Cameo, changes: dict[str, Any], code: str
    ) -> None:
        answer = _post(ben, _wish(cameo, **changes))

        assert 400 <= answer.status_code < 500
        assert answer.json()["code"] == code
        assert not Render.objects.exists()

    @pytest.mark.parametrize("body", ["{", "[]", "null", '"x"', "{}", "\xff"])
    def test_refuses_a_body_that_is_none(self, ben: Account, body: str) -> None:
        assert 400 <= _post(ben, body).status_code < 500

    def test_refuses_a_sexual_purpose_by_name(self, ben: Account, cameo: Cameo) -> None:
        assert _post(ben, _wish(cameo, purpose="sexual")).json()["code"] == "consent-denied"

    def test_needs_a_token_and_a_key(self, ben: Account, cameo: Cameo) -> None:
        anonymous = Client().post("/api/v1/renders", _wish(cameo), content_type="application/json")
        keyless = _client(ben).post(
            "/api/v1/renders", _wish(cameo), content_type="application/json"
        )

        assert anonymous.status_code == 401
        assert keyless.json()["code"] == "idempotency-key-missing"


class TestList:
    def test_shows_those_that_one_co_owns(self, ben: Account, ada: Account, cameo: Cameo) -> None:
        mine = make.requested(ben, cameo)
        make.requested(make.person(), make.cameo(make.person()))

        for account in (ben, ada):
            rows = _client(account).get("/api/v1/renders").json()["results"]
            assert [row["id"] for row in rows] == [str(mine.pk)]

    def test_comes_in_pages_and_in_few_queries(
        self, ben: Account, cameo: Cameo, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(5):
            make.requested(ben, cameo)
        client = _client(ben)

        with django_assert_max_num_queries(5):
            first = client.get("/api/v1/renders?limit=3").json()
        second = client.get(first["next"]).json()

        seen = [row["id"] for row in first["results"] + second["results"]]
        assert len(seen) == len(set(seen)) == 5


class TestGet:
    def test_looks_like_not_there_to_a_stranger(self, ben: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)

        answer = _client(make.person()).get(f"/api/v1/renders/{render.pk}")
        unknown = _client(ben).get(f"/api/v1/renders/{uuid.uuid4()}")

        assert (answer.status_code, answer.json()["code"]) == (404, "render-not-found")
        assert unknown.json()["code"] == "render-not-found"

    def test_gives_a_link_once_there_is_a_file(self, ben: Account, cameo: Cameo) -> None:
        render = make.released_row(ben, cameo, body=b"sealed")

        url = _client(ben).get(f"/api/v1/renders/{render.pk}").json()["file_url"]

        path = "/media/" + url.rsplit("/", 1)[1]
        assert b"".join(Client().get(path).streaming_content) == b"sealed"

    def test_keeps_a_withdrawn_parent_as_a_tombstone(self, ben: Account, cameo: Cameo) -> None:
        parent = make.released_row(ben, cameo, body=b"sealed")
        remix = make.requested(ben, make.cameo(make.person()), parent_id=parent.pk)
        make.withdraw(parent)

        lineage = _client(ben).get(f"/api/v1/renders/{remix.pk}").json()["lineage"]

        assert lineage == [{"id": str(parent.pk), "state": "withdrawn"}]

    def test_tells_progress(self, ben: Account, cameo: Cameo) -> None:
        attempt, _ = make.rendering(ben, cameo)
        attempts.beat(
            claims=make.claims(attempt),
            stage="drawing",
            fraction=0.5,
            seconds_left=2,
            at=timezone.now(),
        )

        said = _client(ben).get(f"/api/v1/renders/{attempt.render_id}").json()
        assert (said["state"], said["stage"], said["progress"], said["seconds_left"]) == (
            "rendering",
            "drawing",
            0.5,
            2.0,
        )


class TestCancellation:
    def test_calls_it_off_and_may_be_repeated(self, ben: Account, cameo: Cameo) -> None:
        render, client = make.requested(ben, cameo), _client(ben)

        answers = [client.post(f"/api/v1/renders/{render.pk}/cancellation") for _ in range(2)]

        assert [one.status_code for one in answers] == [204, 204]
        assert Render.objects.get(pk=render.pk).state == State.CANCELLED

    def test_refuses_what_was_released(self, ben: Account, cameo: Cameo) -> None:
        render = make.released_row(ben, cameo, body=b"x")

        answer = _client(ben).post(f"/api/v1/renders/{render.pk}/cancellation")

        assert (answer.status_code, answer.json()["code"]) == (409, "render-ended")

    def test_is_not_for_others(self, ben: Account, ada: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)

        for account in (ada, make.person()):
            answer = _client(account).post(f"/api/v1/renders/{render.pk}/cancellation")
            assert answer.status_code == 404


class TestDeleteFile:
    def test_destroys_a_denied_draft(self, ben: Account, ada: Account, cameo: Cameo) -> None:
        render = make.row_in(State.DENIED, ben, cameo, body=b"draft")
        client, address = _client(ada), f"/api/v1/renders/{render.pk}/file"
        assert client.get(address).status_code == 200

        assert client.delete(address).status_code == 204
        assert client.get(address).status_code == 404
        assert client.delete(address).status_code == 204

    def test_refuses_a_released_one(self, ben: Account, ada: Account, cameo: Cameo) -> None:
        render = make.released_row(ben, cameo, body=b"x")

        answer = _client(ada).delete(f"/api/v1/renders/{render.pk}/file")

        assert (answer.status_code, answer.json()["code"]) == (409, "not-a-draft")


class TestEvents:
    def test_ends_with_the_render(self, ben: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)
        actions.cancel(render_id=render.pk, by=ben, at=timezone.now())

        answer = _client(ben).get(
            f"/api/v1/renders/{render.pk}/events", headers={"Accept": "text/event-stream"}
        )

        said = b"".join(answer.streaming_content).decode()
        assert answer["Content-Type"] == "text/event-stream"
        data = next(line for line in said.splitlines() if line.startswith("data: "))
        assert json.loads(data[6:])["state"] == "cancelled"
        assert said.endswith("event: end\ndata: {}\n\n")

    def test_says_each_change_once_and_stops_by_itself(self, ben: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)

        said = b"".join(events.Watch(render.pk, open_s=0.1, poll_s=0.02)).decode()

        assert said.count("event: progress") == 1

    def test_takes_so_many_watchers_and_no_more(self, ben: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)
        open_ones = [events.Watch(render.pk) for _ in range(events.WATCHERS_MAX)]

        answer = _client(ben).get(f"/api/v1/renders/{render.pk}/events")
        for watch in open_ones:
            watch.close()
        after = _client(ben).get(f"/api/v1/renders/{render.pk}/events")
        after.close()

        assert (answer.status_code, answer.json()["code"]) == (503, "too-many-watchers")
        assert after.status_code == 200
        assert events.Watch(render.pk).close() is None

    def test_is_not_for_others(self, ben: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)

        answer = _client(make.person()).get(f"/api/v1/renders/{render.pk}/events")

        assert answer.status_code == 404
