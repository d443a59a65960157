"""The HTTP edge: who may call what, and what each refusal looks like."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from ledger.accounts.models import Block, Follow
from ledger.cameos import statements
from ledger.cameos.models import Enrolment, Terms
from tests.factories import accounts, cameos
from tests.factories.cameos import NOON
from tests.ledger.cameos import recordings

pytestmark = pytest.mark.django_db(transaction=True)

DIGEST = statements.current().sha256.hex()


def enrolled(client: APIClient) -> dict[str, Any]:
    """Return a started enrolment, as the API answers it."""
    answer = client.post("/api/v1/enrolments", {}, headers={"Idempotency-Key": str(uuid.uuid4())})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def put_capture(client: APIClient, enrolment_id: str, body: bytes, **extra: Any) -> Any:
    return client.put(
        f"/api/v1/enrolments/{enrolment_id}/capture", data=body, content_type="video/mp4", **extra
    )


class TestEnrolments:
    def test_shows_statement_and_challenge_and_repeats_by_key(self) -> None:
        client = accounts.client_of(accounts.account())

        one = client.post("/api/v1/enrolments", {}, headers={"Idempotency-Key": "a"})
        two = client.post("/api/v1/enrolments", {}, headers={"Idempotency-Key": "a"})

        assert one.json() == two.json()
        assert one.json()["statement"]["sha256"] == DIGEST
        assert len(one.json()["challenge"]["words"]) == 4
        assert Enrolment.objects.count() == 1
        seen = client.get(f"/api/v1/enrolments/{one.json()['id']}")
        assert seen.json()["state"] == "started"

    def test_wants_somebody_and_a_key(self) -> None:
        assert accounts.client_of(None).post("/api/v1/enrolments", {}).status_code == 401
        answer = accounts.client_of(accounts.account()).post("/api/v1/enrolments", {})
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")

    def test_looks_like_nothing_to_others(self) -> None:
        mine = enrolled(accounts.client_of(accounts.account()))
        other = accounts.client_of(accounts.account())
        address = f"/api/v1/enrolments/{mine['id']}"

        answers = [
            other.get(address),
            other.post(f"{address}/statement", {"agreed": True, "statement_sha256": DIGEST}),
            put_capture(other, mine["id"], b"x" * 100),
        ]

        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert {answer.json()["code"] for answer in answers} == {"enrolment-not-found"}


class TestStatement:
    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"agreed": False, "statement_sha256": DIGEST}, 403, "statement-not-agreed"),
            ({"agreed": True, "statement_sha256": "0" * 64}, 409, "statement-mismatch"),
            ({"agreed": True, "statement_sha256": "no"}, 400, "invalid-input"),
            ({"agreed": True}, 400, "invalid-input"),
            ({}, 400, "invalid-input"),
        ],
    )
    def test_refuses_anything_but_an_exact_yes(
        self, body: dict[str, Any], status: int, code: str
    ) -> None:
        client = accounts.client_of(accounts.account())
        mine = enrolled(client)

        answer = client.post(f"/api/v1/enrolments/{mine['id']}/statement", body)

        assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestCapture:
    @pytest.fixture
    def client(self) -> APIClient:
        return accounts.client_of(accounts.account())

    @pytest.fixture
    def mine(self, client: APIClient) -> str:
        """Return the id of an enrolment that was agreed to, of challenge 1."""
        started = enrolled(client)
        body = {"agreed": True, "statement_sha256": DIGEST}
        assert client.post(f"/api/v1/enrolments/{started['id']}/statement", body).status_code == 200
        Enrolment.objects.update(challenge=cameos.challenge().as_json())
        return str(started["id"])

    def test_verifies(self, client: APIClient, mine: str) -> None:
        answer = put_capture(client, mine, cameos.recording().read_bytes())

        assert answer.status_code == 200, answer.content
        assert answer.json()["state"] == "verified"
        own = client.get("/api/v1/cameos/mine").json()
        assert own["id"] == answer.json()["cameo_id"]
        assert (own["state"], own["audience"]) == ("active", "self")
        again = put_capture(client, mine, b"x" * 100)
        assert (again.status_code, again.json()["code"]) == (415, "capture-not-video")
        again = put_capture(client, mine, cameos.recording().read_bytes())
        assert (again.status_code, again.json()["code"]) == (409, "enrolment-spent")

    def test_wants_agreement_first(self, client: APIClient, mine: str) -> None:
        Enrolment.objects.update(state="started")

        answer = put_capture(client, mine, cameos.recording().read_bytes())

        assert (answer.status_code, answer.json()["code"]) == (403, "statement-not-agreed")

    def test_refuses_no_body(self, client: APIClient, mine: str) -> None:
        answer = put_capture(client, mine, b"")

        assert (answer.status_code, answer.json()["code"]) == (400, "capture-missing")

    def test_refuses_too_much(self, client: APIClient, mine: str, settings: Any) -> None:
        settings.CAPTURE_SIZE_BYTES_MAX = 1_000

        answer = put_capture(client, mine, b"x" * 1_001)

        assert (answer.status_code, answer.json()["code"]) == (413, "capture-too-large")
        assert answer.json()["limit_bytes"] == 1_000

    def test_refuses_text_whatever_it_is_called(
        self, client: APIClient, mine: str, tmp_path: Path
    ) -> None:
        answer = put_capture(client, mine, recordings.text(tmp_path / "a.mp4").read_bytes())

        assert (answer.status_code, answer.json()["code"]) == (415, "capture-not-video")

    def test_says_why_it_is_unreadable(self, client: APIClient, mine: str, tmp_path: Path) -> None:
        silent = recordings.video(tmp_path / "a.mp4", sound=False)

        answer = put_capture(client, mine, silent.read_bytes())

        assert (answer.status_code, answer.json()["code"]) == (422, "capture-unreadable")
        assert answer.json()["reason"] == "no-audio"
        assert client.get(f"/api/v1/enrolments/{mine}").json()["state"] == "refused"


@pytest.mark.django_db(transaction=False)
class TestCameos:
    def test_shows_others_the_public_side_only(self) -> None:
        made = cameos.cameo(audience="approved", preferences={"restrictions": "never smoking"})
        viewer = accounts.client_of(accounts.account())

        seen = viewer.get(f"/api/v1/cameos/{made.id}").json()

        assert seen["handle"] == made.owner.handle
        assert (seen["audience"], seen["may_ask"]) == ("approved", True)
        assert not {"preferences", "state", "epoch", "destroy_after"} & set(seen)
        found = viewer.get(f"/api/v1/cameos/by-handle/{made.owner.handle}").json()
        assert found == seen

    def test_shows_owners_everything(self) -> None:
        made = cameos.cameo(preferences={"pronouns": "", "clothing": "", "restrictions": "no war"})

        seen = accounts.client_of(made.owner).get(f"/api/v1/cameos/{made.id}").json()

        assert seen["preferences"]["restrictions"] == "no war"
        assert seen["state"] == "active"

    @pytest.mark.parametrize("state", ["draft", "suspended", "retired", "purged"])
    def test_hides_what_is_not_active(self, state: str) -> None:
        made = cameos.cameo(state=state)

        answer = accounts.client_of(accounts.account()).get(f"/api/v1/cameos/{made.id}")

        assert answer.status_code == 404

    @pytest.mark.parametrize("is_mine", [True, False])
    def test_hides_from_who_blocks_or_is_blocked(self, is_mine: bool) -> None:
        made, viewer = cameos.cameo(audience="everyone"), accounts.account()
        pair = (made.owner, viewer) if is_mine else (viewer, made.owner)
        Block.objects.create(blocker=pair[0], blocked=pair[1], created_at=NOON)

        answer = accounts.client_of(viewer).get(f"/api/v1/cameos/{made.id}")

        assert answer.status_code == 404

    def test_hides_a_minor_from_adults_whom_they_do_not_follow(self) -> None:
        made, viewer = cameos.cameo(accounts.minor(), audience="approved"), accounts.account()
        address = f"/api/v1/cameos/{made.id}"

        assert accounts.client_of(viewer).get(address).status_code == 404
        assert accounts.client_of(accounts.minor()).get(address).status_code == 200
        Follow.objects.create(follower=made.owner, followed=viewer, created_at=NOON)
        assert accounts.client_of(viewer).get(address).status_code == 200

    def test_lists_what_one_controls(self) -> None:
        made = cameos.cameo()
        cameos.cameo()

        listed = accounts.client_of(made.owner).get("/api/v1/cameos").json()

        assert [row["id"] for row in listed["results"]] == [str(made.id)]

    def test_has_none_of_ones_own_at_first(self) -> None:
        answer = accounts.client_of(accounts.account()).get("/api/v1/cameos/mine")

        assert (answer.status_code, answer.json()["code"]) == (404, "cameo-not-found")


class TestChanges:
    def test_are_the_owners(self) -> None:
        made = cameos.cameo()
        client, address = accounts.client_of(made.owner), f"/api/v1/cameos/{made.id}"

        opened = client.put(f"{address}/audience", {"audience": "mutuals"})
        published = client.post(
            f"{address}/terms",
            {
                "purposes": ["personal", "commercial"],
                "remix_allowed": True,
                "fees": {"commercial": {"amount_minor": 2500, "currency": "usd"}},
            },
            headers={"Idempotency-Key": "terms"},
        )
        preferred = client.put(f"{address}/preferences", {"pronouns": "she"})

        assert (opened.status_code, opened.json()["audience"]) == (200, "mutuals")
        assert (published.status_code, published.json()["version"]) == (201, 2)
        assert preferred.json() == {"pronouns": "she", "clothing": "", "restrictions": ""}
        seen = client.get(address).json()
        assert seen["terms"]["fees"] == {"commercial": {"amount_minor": 2500, "currency": "usd"}}
        assert client.post(f"{address}/retirement").json()["state"] == "retired"
        assert client.delete(address).json()["cause"] == "asked"
        assert client.delete(address).status_code == 409

    def test_look_like_nothing_to_others(self) -> None:
        made = cameos.cameo(audience="everyone")
        other, address = accounts.client_of(accounts.account()), f"/api/v1/cameos/{made.id}"

        answers = [
            other.put(f"{address}/audience", {"audience": "self"}),
            other.post(f"{address}/terms", {"purposes": []}, headers={"Idempotency-Key": "terms"}),
            other.put(f"{address}/preferences", {}),
            other.post(f"{address}/retirement"),
            other.delete(address),
        ]

        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
            (404, "cameo-not-found")
        }
        assert Terms.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"purposes": ["sexual"]}, 403, "terms-sexual"),
            ({"purposes": ["espionage"]}, 400, "invalid-input"),
            ({}, 400, "invalid-input"),
            ({"purposes": [], "territories": ["Germany"]}, 400, "invalid-input"),
            (
                {"purposes": [], "fees": {"commercial": {"amount_minor": 1, "currency": "usd"}}},
                422,
                "terms-malformed",
            ),
        ],
    )
    def test_refuse_terms_out_of_bounds(self, body: dict[str, Any], status: int, code: str) -> None:
        made = cameos.cameo()

        answer = accounts.client_of(made.owner).post(
            f"/api/v1/cameos/{made.id}/terms", body, headers={"Idempotency-Key": "terms"}
        )

        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_refuse_a_minor_everyone_and_say_why(self) -> None:
        made = cameos.cameo(accounts.minor())

        answer = accounts.client_of(made.owner).put(
            f"/api/v1/cameos/{made.id}/audience", {"audience": "everyone"}
        )

        assert (answer.status_code, answer.json()["code"]) == (403, "minor-audience-too-wide")
