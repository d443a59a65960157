from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from ledger.accounts.models import Account, Block, Follow
from ledger.cameos.models import Cameo
from ledger.consent import relations
from ledger.consent.models import Grant
from tests.factories import accounts, cameos, consent
from tests.factories.accounts import client_of
from tests.factories.consent import NOON

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


@pytest.fixture
def cameo() -> Cameo:
    return cameos.cameo(audience="approved")


@pytest.fixture
def owner(cameo: Cameo) -> APIClient:
    return client_of(cameo.owner)


def _post(client: APIClient, path: str, body: object = None, *, key: str | None = None) -> Any:
    return client.post(f"{V1}/{path}", body, HTTP_IDEMPOTENCY_KEY=key or uuid4().hex)


class TestGrants:
    def _body(self, cameo: Cameo, grantee: Account, **fields: Any) -> dict[str, Any]:
        return {"cameo_id": str(cameo.id), "grantee_id": str(grantee.id)} | fields

    def test_are_given_and_seen_by_both_sides(self, cameo: Cameo, owner: APIClient) -> None:
        friend = accounts.account()

        given = _post(owner, "grants", self._body(cameo, friend, renders_max=3))
        listed = [
            client.get(f"{V1}/grants").json()["results"]
            for client in (owner, client_of(friend), client_of(accounts.account()))
        ]

        assert given.status_code == 201
        assert given.data["terms_version"] == 1
        assert (given.data["is_in_force"], given.data["renders_max"]) == (True, 3)
        assert [[row["id"] for row in rows] for rows in listed] == [
            [given.data["id"]],
            [given.data["id"]],
            [],
        ]
        assert "email" not in listed[0][0]["grantee"]

    def test_need_an_idempotency_key_and_are_given_once_under_it(
        self, cameo: Cameo, owner: APIClient
    ) -> None:
        body = self._body(cameo, accounts.account())

        without = owner.post(f"{V1}/grants", body)
        answers = [_post(owner, "grants", body, key="k") for _ in range(2)]

        assert without.json()["code"] == "idempotency-key-missing"
        assert answers[0].data["id"] == answers[1].data["id"]
        assert Grant.objects.count() == 1

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"purposes": []}, 400, "invalid-input"),
            ({"purposes": ["fun"]}, 400, "invalid-input"),
            ({"purposes": ["sexual"]}, 422, "grant-unusable"),
            ({"territories": ["Germany"]}, 400, "invalid-input"),
            ({"renders_max": 0}, 400, "invalid-input"),
            ({"ends_at": "2001-01-01T00:00:00Z"}, 422, "grant-unusable"),
            ({"ends_at": "never"}, 400, "invalid-input"),
            ({"grantee_id": "me"}, 400, "invalid-input"),
            ({"grantee_id": str(uuid4())}, 404, "grant-not-found"),
            ({"cameo_id": str(uuid4())}, 404, "grant-not-found"),
        ],
    )
    def test_refuse_bad_input(
        self, cameo: Cameo, owner: APIClient, fields: dict[str, Any], status: int, code: str
    ) -> None:
        answer = _post(owner, "grants", self._body(cameo, accounts.account()) | fields)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert not Grant.objects.exists()

    def test_list_asks_the_same_queries_whatever_its_length(
        self, cameo: Cameo, owner: APIClient, django_assert_num_queries: Any
    ) -> None:
        for _ in range(5):
            consent.grant(cameo, accounts.account())

        with django_assert_num_queries(2):
            rows = owner.get(f"{V1}/grants").json()["results"]

        assert len(rows) == 5


class TestRevocation:
    def test_shows_what_it_would_touch_and_then_does_it(
        self, cameo: Cameo, owner: APIClient
    ) -> None:
        grant = consent.grant(cameo, accounts.account())
        use = consent.released(grant.grantee, cameo)
        path = f"grants/{grant.id}/revocation"

        preview = owner.get(f"{V1}/{path}-preview", {"act": "remove"})
        done = owner.post(f"{V1}/{path}", {"act": "remove", "reason": "enough"})
        again = owner.post(f"{V1}/{path}", {"act": "stop"})

        assert (preview.status_code, preview.json()["released"]) == (200, 1)
        assert (done.status_code, done.json()["withdrawn"]) == (201, [str(use.id)])
        assert (again.status_code, again.json()["code"]) == (409, "grant-already-revoked")

    @pytest.mark.parametrize("who", ["grantee", "stranger"])
    def test_is_not_there_for_others(self, cameo: Cameo, who: str) -> None:
        grant = consent.grant(cameo, accounts.account())
        client = client_of(grant.grantee if who == "grantee" else accounts.account())

        done = client.post(f"{V1}/grants/{grant.id}/revocation", {})
        preview = client.get(f"{V1}/grants/{grant.id}/revocation-preview")

        assert [answer.status_code for answer in (done, preview)] == [404, 404]
        assert done.json()["code"] == preview.json()["code"] == "grant-not-found"

    @pytest.mark.parametrize("act", ["burn", "STOP"])
    def test_refuses_an_unknown_act(self, cameo: Cameo, owner: APIClient, act: str) -> None:
        grant = consent.grant(cameo, accounts.account())

        done = owner.post(f"{V1}/grants/{grant.id}/revocation", {"act": act})
        preview = owner.get(f"{V1}/grants/{grant.id}/revocation-preview", {"act": act})

        assert [answer.status_code for answer in (done, preview)] == [400, 400]

    def test_of_one_person_takes_every_grant(self, cameo: Cameo, owner: APIClient) -> None:
        friend = accounts.account()
        held = [str(consent.grant(cameo, friend).id) for _ in range(2)]

        done = owner.post(f"{V1}/cameos/{cameo.id}/revocation", {"grantee_id": str(friend.id)})

        assert sorted(done.json()["grant_ids"]) == sorted(held)

    def test_takes_no_more_steps_than_granting(self, cameo: Cameo, owner: APIClient) -> None:
        grant = consent.grant(cameo, accounts.account())

        assert owner.post(f"{V1}/grants/{grant.id}/revocation").status_code == 201


class TestLockdown:
    def test_closes_everything_in_one_call(self, cameo: Cameo, owner: APIClient) -> None:
        grant = consent.grant(cameo, accounts.account())

        done = owner.post(f"{V1}/cameos/{cameo.id}/lockdown", {"act": "stop"})

        cameo.refresh_from_db()
        assert (done.status_code, cameo.audience) == (201, "self")
        assert done.json()["grant_ids"] == [str(grant.id)]

    def test_is_not_there_for_others(self, cameo: Cameo) -> None:
        done = client_of(accounts.account()).post(f"{V1}/cameos/{cameo.id}/lockdown", {})

        assert (done.status_code, done.json()["code"]) == (404, "grant-not-found")


class TestConfirmation:
    def test_is_the_second_yes(self) -> None:
        minor, guardian = accounts.minor(), accounts.account()
        relations.start_guardianship(guardian_id=guardian.id, minor_id=minor.id, at=NOON)
        grant = consent.grant(cameos.cameo(minor, audience="approved"), accounts.minor())
        path = f"{V1}/grants/{grant.id}/confirmation"

        before = client_of(minor).get(f"{V1}/grants").json()["results"][0]["is_confirmed"]
        answers = [client_of(who).post(path).status_code for who in (minor, guardian, guardian)]
        after = client_of(guardian).get(f"{V1}/grants").json()["results"][0]["is_confirmed"]

        assert answers == [404, 204, 409]
        assert (before, after) == (False, True)


class TestRelations:
    def test_follow_and_block(self) -> None:
        me, other = accounts.account(), accounts.account()
        client, path = client_of(me), f"{V1}/accounts/{other.id}"

        put = [client.put(f"{path}/{name}").status_code for name in ("follow", "block")]
        there = (Follow.objects.count(), Block.objects.count())
        gone = [client.delete(f"{path}/{name}").status_code for name in ("follow", "block")]

        assert (put, there, gone) == ([204, 204], (1, 1), [204, 204])
        assert (Follow.objects.count(), Block.objects.count()) == (0, 0)

    @pytest.mark.parametrize("name", ["follow", "block"])
    @pytest.mark.parametrize("method", ["put", "delete"])
    def test_refuse_oneself_and_the_unknown(self, name: str, method: str) -> None:
        me = accounts.account()
        ask = getattr(client_of(me), method)

        own, unknown = (ask(f"{V1}/accounts/{each}/{name}") for each in (me.id, uuid4()))

        assert (own.status_code, own.json()["code"]) == (422, "relation-unusable")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "account-not-found")


class TestUses:
    def test_are_seen_by_co_owners_alone(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        use = consent.requested(requester, cameo)

        seen = {
            who: (
                [row["id"] for row in client_of(account).get(f"{V1}/uses").json()["results"]],
                client_of(account).get(f"{V1}/uses/{use.id}").status_code,
            )
            for who, account in {
                "requester": requester,
                "owner": cameo.owner,
                "stranger": accounts.account(),
            }.items()
        }

        assert seen == {
            "requester": ([str(use.id)], 200),
            "owner": ([str(use.id)], 200),
            "stranger": ([], 404),
        }

    def test_are_withdrawn(self) -> None:
        cameo = consent.open_cameo()
        use = consent.released(accounts.account(), cameo)

        done = client_of(cameo.owner).post(f"{V1}/uses/{use.id}/withdrawal")

        assert (done.status_code, done.json()["withdrawn"]) == (201, [str(use.id)])

    def test_are_locked_and_unlocked(self) -> None:
        cameo = consent.open_cameo()
        use = consent.released(accounts.account(), cameo)
        client, path = client_of(cameo.owner), f"{V1}/uses/{use.id}"

        locked = [client.post(f"{path}/remix-lock") for _ in range(2)]
        shown = client.get(path).json()["is_remix_locked_by_me"]
        unlocked = client.delete(f"{path}/remix-lock")

        assert [answer.status_code for answer in locked] == [204, 409]
        assert (shown, unlocked.status_code) == (True, 204)

    def test_are_approved_once(self) -> None:
        cameo = consent.open_cameo(terms={"draft_approval": True})
        use = consent.dispatched(accounts.account(), cameo)
        consent.release(use.id)
        client, path = client_of(cameo.owner), f"{V1}/uses/{use.id}"

        waiting = client.get(path).json()["awaits_my_answer"]
        answers = [client.post(f"{path}/approval", {"approved": True}) for _ in range(2)]

        assert waiting
        assert [answer.status_code for answer in answers] == [204, 409]

    def test_approval_needs_an_answer(self) -> None:
        cameo = consent.open_cameo()
        use = consent.requested(accounts.account(), cameo)

        answer = client_of(cameo.owner).post(f"{V1}/uses/{use.id}/approval", {})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("get", "explanation", None),
            ("post", "withdrawal", {}),
            ("post", "remix-lock", None),
            ("delete", "remix-lock", None),
            ("post", "approval", {"approved": True}),
        ],
    )
    @pytest.mark.parametrize("whose", ["others", "nobodys"])
    def test_of_others_look_as_if_they_were_not_there(
        self, method: str, path: str, body: object, whose: str
    ) -> None:
        made = consent.released(accounts.account(), consent.open_cameo())
        use_id = made.id if whose == "others" else uuid4()

        answer = getattr(client_of(accounts.account()), method)(f"{V1}/uses/{use_id}/{path}", body)

        assert (answer.status_code, answer.json()["code"]) == (404, "use-not-found")
        assert consent.state_of(made) == "released"


class TestExplanation:
    def test_tells_each_reader_what_is_theirs_and_an_auditor_everything(self) -> None:
        requester, unwilling = accounts.account(), cameos.cameo()
        own = cameos.cameo(requester)
        decided = consent.ask(requester, own, unwilling)
        auditor = accounts.account()
        auditor.user_permissions.add(Permission.objects.get(codename="view_decision"))

        codes = {
            who: [
                finding["code"]
                for finding in client_of(account)
                .get(f"{V1}/uses/{decided.use_id}/explanation")
                .json()["decisions"][0]["findings"]
            ]
            for who, account in {
                "requester": requester,
                "denier": unwilling.owner,
                "auditor": auditor,
            }.items()
        }

        assert codes == {
            "requester": ["owner", "consent-denied"],
            "denier": ["audience-self"],
            "auditor": ["owner", "audience-self"],
        }

    def test_lists_every_gate_with_its_proof(self) -> None:
        cameo = consent.open_cameo()
        use = consent.released(accounts.account(), cameo)

        answer = client_of(cameo.owner).get(f"{V1}/uses/{use.id}/explanation").json()

        assert answer["state"] == "released"
        gates = [(row["gate"], row["effect"]) for row in answer["decisions"]]
        assert sorted(gates) == [
            ("dispatch", "permit"),
            ("release", "permit"),
            ("request", "permit"),
        ]
        assert all(row["log_entry_id"] for row in answer["decisions"])


class TestEveryAddress:
    @pytest.mark.parametrize(
        "path",
        ["grants", "uses", f"uses/{UUID(int=1)}", f"uses/{UUID(int=1)}/explanation"],
    )
    def test_asks_who_is_calling(self, path: str) -> None:
        assert APIClient().get(f"{V1}/{path}").status_code == 401
