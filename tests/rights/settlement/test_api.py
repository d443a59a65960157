"""Money over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from ledger.accounts.models import Account
from rights.licences.models import Licence
from rights.settlement.models import PayeeAccount
from tests.factories import accounts, settlement
from tests.factories.settlement import World

pytestmark = pytest.mark.django_db


def post(caller: Account | None, path: str, body: Any, *, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    return accounts.client_of(caller).post(f"/api/v1/{path}", body, headers=headers)


def auditor() -> Account:
    account = accounts.account()
    account.user_permissions.add(Permission.objects.get(codename="view_posting"))
    return account


class TestOwnPayeeView:
    def test_opens_an_account_that_can_be_paid(self, world: World) -> None:
        caller = accounts.account()

        answers = [post(caller, "payees/me", {}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[1].json() == {
            "account_id": str(caller.id),
            "state": "active",
            "onboarding_url": None,
        }
        assert len(world.objects("account")) == 1

    def test_says_where_to_go_when_more_is_asked(self, world: World) -> None:
        world.settings(payee_status="pending")

        body = post(accounts.account(), "payees/me", {"country": "DE"}).json()

        assert body["state"] == "pending"
        assert body["onboarding_url"].startswith("https://")
        assert PayeeAccount.objects.get().country == "DE"

    @pytest.mark.parametrize(
        ("body", "status"), [({"country": "XX"}, 422), ({"country": "us"}, 400), ([], 400)]
    )
    def test_refuses_other_countries(self, world: World, body: Any, status: int) -> None:
        answer = post(accounts.account(), "payees/me", body)

        assert answer.status_code == status
        assert world.objects("account") == []

    def test_is_unavailable_while_stripe_is(self, world: World) -> None:
        world.fault("drop_request", path="/v2/core/accounts")

        answer = post(accounts.account(), "payees/me", {})

        assert (answer.status_code, answer.json()["code"]) == (503, "stripe-unavailable")

    def test_asks_who_is_there(self) -> None:
        assert post(None, "payees/me", {}).status_code == 401


class TestAuthorisationView:
    def authorise(
        self,
        licence: Licence,
        *,
        method: Any = "pm_card_visa",
        caller: Account | None = None,
        key: str | None = None,
    ) -> Any:
        body = {"payment_method": method}
        path = f"licences/{licence.id}/authorisation"
        return post(caller or licence.buyer, path, body, key=key)

    def quoted(self, world: World) -> Licence:
        return settlement.quoted([settlement.fee(settlement.onboarded(world.stripe))])

    def test_holds_the_price(self, world: World) -> None:
        answer = self.authorise(self.quoted(world))

        assert answer.status_code == 200
        assert answer.json()["state"] == "authorised"
        assert answer.json()["capture_before"] is not None

    def test_charges_once_for_one_key(self, world: World) -> None:
        licence = self.quoted(world)

        answers = [self.authorise(licence, key="one").json() for _ in range(2)]

        assert answers[0] == answers[1]
        assert len(world.objects("payment_intent")) == 1

    def test_says_why_the_bank_refused(self, world: World) -> None:
        answer = self.authorise(self.quoted(world), method="pm_card_chargeDeclined")

        body = answer.json()
        assert (answer.status_code, body["code"]) == (402, "card-declined")
        assert body["decline_code"] == "generic_decline"

    def test_can_be_asked_again_after_an_outage(self, world: World) -> None:
        licence = self.quoted(world)
        world.fault("drop_answer", path="/v1/payment_intents")

        answers = [self.authorise(licence, key="one") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [503, 200]
        assert len(world.objects("payment_intent")) == 1

    def test_is_not_there_for_anybody_else(self, world: World) -> None:
        answer = self.authorise(self.quoted(world), caller=accounts.account())

        assert (answer.status_code, answer.json()["code"]) == (404, "licence-not-found")

    @pytest.mark.parametrize("method", ["", "4242424242424242", "pm_" + "x" * 101, None, 7])
    def test_takes_tokens_only(self, world: World, method: Any) -> None:
        assert self.authorise(self.quoted(world), method=method).status_code == 400

    def test_wants_an_idempotency_key(self, world: World) -> None:
        licence = self.quoted(world)

        answer = accounts.client_of(licence.buyer).post(
            f"/api/v1/licences/{licence.id}/authorisation", {"payment_method": "pm_card_visa"}
        )

        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")


class TestBalancesView:
    def test_shows_an_auditor_that_the_books_balance(self, world: World) -> None:
        settlement.captured(world.stripe)

        body = accounts.client_of(auditor()).get("/api/v1/books/balances").json()

        assert body["balanced"] is True
        assert sum(row["posted_minor"] for row in body["balances"]) == 0
        assert {"code": "payable", "currency": "usd", "posted_minor": -900, "pending_minor": 0} in (
            body["balances"]
        )

    def test_shows_one_persons_accounts(self, world: World) -> None:
        licence = settlement.captured(world.stripe)
        owner = settlement.account_of(licence)

        body = accounts.client_of(auditor()).get(f"/api/v1/books/balances?owner={owner}").json()

        assert [row["code"] for row in body["balances"]] == ["payable"]

    def test_refuses_an_owner_that_is_no_id(self) -> None:
        answer = accounts.client_of(auditor()).get("/api/v1/books/balances?owner=me")

        assert answer.status_code == 400

    def test_is_for_auditors_only(self) -> None:
        answer = accounts.client_of(accounts.account()).get("/api/v1/books/balances")

        assert answer.status_code == 403


class TestAdmin:
    @pytest.mark.parametrize(
        "page", ["licence", "transfer", "posting", "paymentattempt", "payout", "payeeaccount"]
    )
    def test_shows_money_and_changes_nothing(self, world: World, page: str) -> None:
        settlement.captured(world.stripe)
        client = Client()
        client.force_login(accounts.account(is_staff=True, is_superuser=True))

        listed = client.get(f"/admin/rights/{page}/")
        added = client.get(f"/admin/rights/{page}/add/")

        assert (listed.status_code, added.status_code) == (200, 403)
