"""Every movement at Stripe is in the books, and the other way round; what is not is named."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from rights.settlement import books, payouts, reconciling
from rights.settlement.entries import Entry, Leg, Movement
from rights.settlement.models import Payout
from rights.settlement.reconciling import Booked, Cause, compare
from tests.factories import settlement
from tests.factories.settlement import World


def movement(identity: str = "txn_1", net: int = 90, kind: str = "charge") -> Movement:
    return Movement(identity, kind, net + 10, 10, net, "usd", "ch_1")


class TestCompare:
    def test_finds_nothing_where_both_agree(self) -> None:
        assert list(compare([movement()], {"txn_1": Booked("capture", "usd", 90)})) == []

    @pytest.mark.parametrize(
        ("movements", "booked", "cause"),
        [
            ([movement()], {}, Cause.NOT_BOOKED),
            ([], {"txn_1": Booked("capture", "usd", 90)}, Cause.NOT_AT_STRIPE),
            ([movement()], {"txn_1": Booked("capture", "usd", 91)}, Cause.AMOUNT_DIFFERS),
            ([movement()], {"txn_1": Booked("capture", "eur", 90)}, Cause.CURRENCY_DIFFERS),
        ],
    )
    def test_names_each_difference(
        self, movements: list[Movement], booked: dict[str, Booked], cause: Cause
    ) -> None:
        found = list(compare(movements, booked))

        assert [(drift.cause, drift.balance_transaction) for drift in found] == [(cause, "txn_1")]

    def test_leaves_our_own_bank_account_out(self) -> None:
        assert list(compare([movement(kind="payout")], {})) == []


@pytest.mark.django_db
class TestReconcile:
    def test_comes_down_to_zero_after_the_whole_way(self, world: World) -> None:
        settlement.captured(world.stripe)
        payouts.send(payout_id=Payout.objects.get().id, stripe=world.stripe, at=timezone.now())

        found = self.reconcile(world)

        assert (found.compared, found.drifts) == (2, ())

    def test_names_a_refund_made_by_hand(self, world: World) -> None:
        licence = settlement.captured(world.stripe)
        refund = world.post("/v1/refunds", charge=licence.charge, amount="300").json()

        (drift,) = self.reconcile(world).drifts

        assert (drift.cause, drift.source) == (Cause.NOT_BOOKED, refund["id"])
        assert (drift.kind, drift.stripe_minor, drift.books_minor) == ("refund", -300, 0)

    def test_names_what_the_books_made_up(self, world: World) -> None:
        with transaction.atomic():
            books.post(
                Entry(
                    "made-up",
                    "payout",
                    "usd",
                    (Leg("stripe", -5), Leg("processing_fees", 5)),
                    balance_transaction="txn_made_up",
                ),
                at=timezone.now(),
            )

        (drift,) = self.reconcile(world).drifts

        assert (drift.cause, drift.balance_transaction) == (Cause.NOT_AT_STRIPE, "txn_made_up")

    def test_follows_pages(self, world: World) -> None:
        for _ in range(4):
            settlement.captured(world.stripe)

        assert self.reconcile(world).compared == 4

    def reconcile(self, world: World) -> reconciling.Reconciliation:
        now = timezone.now()
        return reconciling.reconcile(
            since=now - timedelta(days=1), until=now + timedelta(hours=2), stripe=world.stripe
        )


@pytest.mark.django_db
@pytest.mark.usefixtures("world")
class TestCommand:
    def test_says_what_was_compared(self, world: World) -> None:
        settlement.captured(world.stripe)
        out = StringIO()

        call_command("reconcile", stdout=out)

        assert json.loads(out.getvalue()) == {"compared": 1, "drifts": 0, "balanced": True}

    def test_exits_with_2_and_names_the_drift(self, world: World) -> None:
        licence = settlement.captured(world.stripe)
        world.post("/v1/refunds", charge=licence.charge)
        out = StringIO()

        with pytest.raises(CommandError) as caught:
            call_command("reconcile", stdout=out)

        assert caught.value.returncode == 2
        assert json.loads(out.getvalue().splitlines()[0])["cause"] == "not-booked"

    def test_exits_with_3_when_stripe_cannot_be_asked(self, world: World) -> None:
        world.fault("drop_request", path="/v1/balance_transactions")

        with pytest.raises(CommandError) as caught:
            call_command("reconcile", stdout=StringIO())

        assert caught.value.returncode == 3
