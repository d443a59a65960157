"""Paying payees one by one."""

from __future__ import annotations

import uuid

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from ledger.outbox.models import OutboxMessage
from rights.settlement import payees, payouts, queries
from rights.settlement.gateway import StripeUnavailable, TransferRefused
from rights.settlement.models import PayeeAccount, Payout
from rights.settlement.payouts import PayoutNotFound
from tests.factories import settlement
from tests.factories.settlement import World

pytestmark = pytest.mark.django_db


def send(world: World, payout: Payout) -> None:
    payouts.send(payout_id=payout.id, stripe=world.stripe, at=timezone.now())
    payout.refresh_from_db()


def owed(world: World, count: int = 1) -> list[Payout]:
    fees = [settlement.fee(settlement.onboarded(world.stripe)) for _ in range(count)]
    settlement.captured(world.stripe, fees)
    return list(Payout.objects.order_by("id"))


class TestSend:
    def test_pays_from_the_charge_within_the_licences_group(self, world: World) -> None:
        (payout,) = owed(world)

        send(world, payout)

        transfer = world.objects("transfer")[0]
        assert payout.state == "sent"
        assert transfer["id"] == payout.stripe_id
        assert transfer["source_transaction"] == payout.licence.charge
        assert transfer["transfer_group"] == str(payout.licence_id)

    def test_pays_once_when_delivered_twice(self, world: World) -> None:
        (payout,) = owed(world)

        send(world, payout)
        send(world, payout)

        assert len(world.objects("transfer")) == 1

    @pytest.mark.parametrize(
        "fault", ["drop_answer", "drop_request", "stored_500", "stored_500_after"]
    )
    def test_pays_once_whatever_is_lost(self, world: World, fault: str) -> None:
        (payout,) = owed(world)
        world.fault(fault, path="/v1/transfers", method="POST")
        with pytest.raises(StripeUnavailable):
            send(world, payout)

        send(world, payout)

        assert payout.state == "sent"
        assert len(world.objects("transfer")) == 1
        assert queries.books().is_balanced

    def test_that_fails_leaves_the_others_standing_and_is_retried_alone(self, world: World) -> None:
        first, second = owed(world, count=2)
        stripe_id = PayeeAccount.objects.get(account=first.payee).stripe_id
        world.payee(stripe_id, status="restricted")
        with pytest.raises(TransferRefused):
            send(world, first)

        send(world, second)
        world.payee(stripe_id, status="active")
        send(world, first)

        assert (first.state, second.state) == ("sent", "sent")
        assert len(world.objects("transfer")) == 2

    def test_to_a_disabled_payee_is_held_as_a_liability(self, world: World) -> None:
        (payout,) = owed(world)
        PayeeAccount.objects.update(state="restricted")

        send(world, payout)

        held = {row.code: row.posted_minor for row in queries.books().balances}
        assert (payout.state, held["payable"]) == ("owed", -900)

    def test_of_nothing_known_is_not_found(self, world: World) -> None:
        with pytest.raises(PayoutNotFound):
            payouts.send(payout_id=uuid.uuid4(), stripe=world.stripe, at=timezone.now())


class TestDatabase:
    def test_refuses_a_step_that_is_not_in_the_table(self, world: World) -> None:
        owed(world)

        with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
            Payout.objects.update(state="reversed", stripe_id="tr_1")

    def test_refuses_another_sum(self, world: World) -> None:
        owed(world)

        with pytest.raises(DatabaseError), transaction.atomic():
            Payout.objects.update(amount_minor=1)

    def test_refuses_a_sent_payout_without_its_transfer(self, world: World) -> None:
        owed(world)

        with pytest.raises(DatabaseError, match="payout_past_sending"), transaction.atomic():
            Payout.objects.update(state="sent")


class TestOnboard:
    def test_activates_a_payee(self, world: World) -> None:
        account = settlement.onboarded(world.stripe)

        assert queries.payable(frozenset({account.id})) == {account.id}

    def test_opens_one_account_when_the_answer_was_lost(self, world: World) -> None:
        account = settlement.payee(state="creating", stripe_id="").account
        world.fault("drop_answer", path="/v2/core/accounts")
        with pytest.raises(StripeUnavailable):
            settlement.onboarded(world.stripe, account)

        settlement.onboarded(world.stripe, account)

        assert len(world.objects("account")) == 1
        assert PayeeAccount.objects.get().state == "active"

    def test_asks_for_more_until_the_capability_is_active(self, world: World) -> None:
        world.settings(payee_status="pending")
        account = settlement.payee(state="creating", stripe_id="").account

        found = payees.onboard(
            account=account,
            country="US",
            return_url="http://127.0.0.1/",
            stripe=world.stripe,
            at=timezone.now(),
        )

        assert found.state == "pending"
        assert str(found.onboarding_url).startswith("https://")
        assert queries.payable(frozenset({account.id})) == frozenset()

    def test_refuses_a_country_that_is_not_served(self, world: World) -> None:
        with pytest.raises(payees.CountryNotServed):
            payees.onboard(
                account=settlement.payee().account,
                country="XX",
                return_url="http://127.0.0.1/",
                stripe=world.stripe,
                at=timezone.now(),
            )


class TestRefresh:
    def test_pays_what_is_owed_once_the_payee_is_active_again(self, world: World) -> None:
        (payout,) = owed(world)
        PayeeAccount.objects.update(state="restricted")
        send(world, payout)
        stripe_id = PayeeAccount.objects.get().stripe_id
        OutboxMessage.objects.all().delete()

        payees.refresh(stripe_id=stripe_id, stripe=world.stripe, at=timezone.now())

        message = OutboxMessage.objects.get()
        assert (message.topic, message.payload) == (
            "payout.transfer",
            {"payout_id": str(payout.id)},
        )

    def test_owes_again_what_the_outbox_gave_up(self, world: World) -> None:
        owed(world)
        OutboxMessage.objects.all().delete()
        stripe_id = PayeeAccount.objects.get().stripe_id

        payees.refresh(stripe_id=stripe_id, stripe=world.stripe, at=timezone.now())

        assert OutboxMessage.objects.get().topic == "payout.transfer"

    def test_notes_a_restriction(self, world: World) -> None:
        account = settlement.onboarded(world.stripe)
        stripe_id = PayeeAccount.objects.get(account=account).stripe_id
        world.payee(stripe_id, status="restricted")

        assert payees.refresh(stripe_id=stripe_id, stripe=world.stripe, at=timezone.now())

        assert queries.payable(frozenset({account.id})) == frozenset()

    def test_knows_no_other_account(self, world: World) -> None:
        assert not payees.refresh(stripe_id="acct_x", stripe=world.stripe, at=timezone.now())
