"""Holding, taking, letting go and giving back, over the real SDK against the stand-in."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from ledger.consent.observers import UseChange
from ledger.db import OpenTransaction
from ledger.outbox.models import OutboxMessage
from rights.licences import actions as licences
from rights.licences import states
from rights.licences.errors import (
    AuthorisationInProgress,
    LicenceNotFound,
    NotAuthorised,
    NotInThatState,
    QuoteExpired,
)
from rights.licences.models import Licence
from rights.settlement import payments, payouts, queries
from rights.settlement.gateway import (
    CardDeclined,
    PaymentMethodRefused,
    StripeAnswerStored,
    StripeUnavailable,
)
from rights.settlement.models import PaymentAttempt, Payout
from tests.factories import accounts, settlement
from tests.factories.settlement import World

pytestmark = pytest.mark.django_db
COMMITS = pytest.mark.django_db(transaction=True)

LATER = timedelta(seconds=121)


def authorise(
    world: World, licence: Licence, method: str = "pm_card_visa", *, later: timedelta = timedelta(0)
) -> Licence:
    return payments.authorise(
        licence_id=licence.id,
        buyer_id=licence.buyer_id,
        payment_method=method,
        stripe=world.stripe,
        at=timezone.now() + later,
    )


def quoted(world: World) -> Licence:
    return settlement.quoted([settlement.fee(settlement.onboarded(world.stripe))])


def end_use(licence: Licence, state: str = "denied") -> None:
    with transaction.atomic():
        licences.use_changed(UseChange(licence.use_id, state, "a-reason", timezone.now()))


def state_of(licence: Licence) -> str:
    licence.refresh_from_db()
    return licence.state


def topics() -> list[str]:
    return list(OutboxMessage.objects.order_by("created_at", "id").values_list("topic", flat=True))


def posted() -> dict[str, int]:
    books = queries.books()
    assert books.is_balanced
    return {row.code: row.posted_minor for row in books.balances if row.posted_minor}


def pending() -> dict[str, int]:
    return {row.code: row.pending_minor for row in queries.books().balances if row.pending_minor}


def send_all(world: World) -> None:
    for payout_id in Payout.objects.filter(state="owed").values_list("id", flat=True):
        payouts.send(payout_id=payout_id, stripe=world.stripe, at=timezone.now())


class TestTheWholeWay:
    def test_pays_each_payee_its_part_and_keeps_the_platforms(self, world: World) -> None:
        ada, cem = settlement.onboarded(world.stripe), settlement.onboarded(world.stripe)
        licence = settlement.captured(
            world.stripe, [settlement.fee(ada, 1_000), settlement.fee(cem, 2_000)]
        )

        send_all(world)

        assert licence.state == states.CAPTURED
        assert sorted(row["amount"] for row in world.objects("transfer")) == [900, 1_800]
        fees = 3_000 * 29 // 1000 + 30
        assert posted() == {
            "stripe": 300 - fees,
            "processing_fees": fees,
            "platform_revenue": -300,
        }
        assert pending() == {}

    @pytest.mark.parametrize(("amount", "currency"), [(500, "jpy"), (1_250, "kwd")])
    def test_works_without_decimals_and_with_three(
        self, world: World, amount: int, currency: str
    ) -> None:
        fees = [settlement.fee(settlement.onboarded(world.stripe), amount, currency)]

        settlement.captured(world.stripe, fees)
        send_all(world)

        sent = world.objects("transfer")[0]
        kept = amount // 10 - (amount // 10) % (10 if currency == "kwd" else 1)
        assert (sent["amount"], sent["currency"]) == (amount - kept, currency)

    def test_shares_one_step_too_small_for_all_exactly(self, world: World) -> None:
        owners = [settlement.onboarded(world.stripe) for _ in range(3)]
        settlement.captured(world.stripe, [settlement.fee(owner, 33) for owner in owners])

        send_all(world)

        assert sorted(row["amount"] for row in world.objects("transfer")) == [30, 30, 30]
        assert posted()["platform_revenue"] == -9


class TestAuthorise:
    def test_holds_the_price_until_the_networks_limit(self, world: World) -> None:
        licence = authorise(world, quoted(world))

        assert licence.state == states.AUTHORISED
        assert licence.capture_before is not None
        assert licence.capture_before > timezone.now() + timedelta(days=6)
        assert pending() == {"stripe": 1_000, "buyer_clearing": -1_000}
        assert posted() == {}
        intent = world.objects("payment_intent")[0]
        assert intent["transfer_group"] == str(licence.id)
        assert "licence.authorised" in topics()

    def test_keeps_the_quote_after_a_decline(self, world: World) -> None:
        licence = quoted(world)

        with pytest.raises(CardDeclined) as caught:
            authorise(world, licence, "pm_card_chargeDeclinedInsufficientFunds")

        assert caught.value.members == {"decline_code": "insufficient_funds"}
        assert state_of(licence) == states.QUOTED
        assert authorise(world, licence).state == states.AUTHORISED
        assert posted() == {}

    def test_refuses_a_payment_method_that_is_not_there(self, world: World) -> None:
        licence = quoted(world)

        with pytest.raises(PaymentMethodRefused):
            authorise(world, licence, "pm_nothing")

        assert state_of(licence) == states.QUOTED

    def test_is_for_the_buyer_only(self, world: World) -> None:
        licence = quoted(world)
        licence.buyer = accounts.account()

        with pytest.raises(LicenceNotFound):
            authorise(world, licence)

    def test_is_refused_once_the_quote_ran_out(self, world: World) -> None:
        with pytest.raises(QuoteExpired):
            authorise(world, quoted(world), later=timedelta(hours=1))

        assert world.objects("payment_intent") == []

    def test_charges_once_when_asked_twice(self, world: World) -> None:
        licence = authorise(world, quoted(world))

        with pytest.raises(NotInThatState):
            authorise(world, licence)

        assert len(world.objects("payment_intent")) == 1

    @COMMITS
    def test_charges_once_when_two_ask_at_once(self, world: World) -> None:
        licence, refusals = quoted(world), []
        world.fault("delay", path="/v1/payment_intents", seconds=0.3)

        def run() -> None:
            try:
                authorise(world, licence)
            except (AuthorisationInProgress, NotInThatState) as exc:
                refusals.append(exc.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert len(refusals) == 2
        assert len(world.objects("payment_intent")) == 1
        assert state_of(licence) == states.AUTHORISED

    def test_finds_what_succeeded_behind_a_lost_answer(self, world: World) -> None:
        licence = quoted(world)
        world.fault("drop_answer", path="/v1/payment_intents")
        with pytest.raises(StripeUnavailable):
            authorise(world, licence)

        found = authorise(world, licence)

        assert found.state == states.AUTHORISED
        assert len(world.objects("payment_intent")) == 1

    def test_sends_the_same_key_again_when_nothing_arrived(self, world: World) -> None:
        licence = quoted(world)
        world.fault("drop_request", path="/v1/payment_intents")
        with pytest.raises(StripeUnavailable):
            authorise(world, licence)

        authorise(world, licence)

        attempt = PaymentAttempt.objects.get(kind="authorise")
        assert (attempt.calls, attempt.state) == (2, "succeeded")

    def test_never_repeats_a_key_that_stores_a_failure(self, world: World) -> None:
        licence = quoted(world)
        world.fault("stored_500", path="/v1/payment_intents")
        with pytest.raises(StripeAnswerStored):
            authorise(world, licence)

        assert authorise(world, licence).state == states.AUTHORISED

        states_of = PaymentAttempt.objects.order_by("created_at").values_list("state", flat=True)
        assert list(states_of) == ["lost", "succeeded"]
        assert len(world.objects("payment_intent")) == 1

    def test_adopts_what_a_stored_failure_hides(self, world: World) -> None:
        licence = quoted(world)
        world.fault("stored_500_after", path="/v1/payment_intents")
        with pytest.raises(StripeAnswerStored):
            authorise(world, licence)

        assert authorise(world, licence).state == states.AUTHORISED
        assert len(world.objects("payment_intent")) == 1

    def test_never_sends_an_old_key_again(self, world: World) -> None:
        licence = quoted(world)
        world.fault("drop_request", path="/v1/payment_intents")
        with pytest.raises(StripeUnavailable):
            authorise(world, licence)
        PaymentAttempt.objects.update(created_at=timezone.now() - timedelta(hours=24))

        authorise(world, licence)

        assert sorted(PaymentAttempt.objects.values_list("state", flat=True)) == [
            "lost",
            "succeeded",
        ]

    @pytest.mark.parametrize("status", [429, 503])
    def test_leaves_it_open_when_stripe_is_busy(self, world: World, status: int) -> None:
        licence = quoted(world)
        world.fault("error", path="/v1/payment_intents", status=status)

        with pytest.raises(StripeUnavailable):
            authorise(world, licence)

        assert state_of(licence) == states.AUTHORISING

    def test_refuses_to_call_inside_a_transaction(self, world: World) -> None:
        with transaction.atomic(), pytest.raises(OpenTransaction):
            world.stripe.payment("pi_1")


class TestSettleAuthorisation:
    def test_finds_what_nobody_asked_for_again(self, world: World) -> None:
        licence = quoted(world)
        world.fault("drop_answer", path="/v1/payment_intents")
        with pytest.raises(StripeUnavailable):
            authorise(world, licence)

        payments.settle_authorisation(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.AUTHORISED

    def test_lets_the_quote_stand_when_nothing_happened(self, world: World) -> None:
        licence = quoted(world)
        world.fault("drop_request", path="/v1/payment_intents")
        with pytest.raises(StripeUnavailable):
            authorise(world, licence)

        payments.settle_authorisation(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.QUOTED

    def test_waits_while_the_call_may_be_on_its_way(self, world: World) -> None:
        licence = quoted(world)
        begun(licence)

        with pytest.raises(payments.StillUnderWay):
            payments.settle_authorisation(
                licence_id=licence.id, stripe=world.stripe, at=timezone.now()
            )

        payments.settle_authorisation(
            licence_id=licence.id, stripe=world.stripe, at=timezone.now() + LATER
        )
        assert state_of(licence) == states.QUOTED

    def test_lets_go_of_an_answer_that_comes_after_it_was_given_up(self, world: World) -> None:
        licence = quoted(world)
        attempt = begun(licence)
        payments.settle_authorisation(
            licence_id=licence.id, stripe=world.stripe, at=timezone.now() + LATER
        )
        late = world.stripe.authorise(
            key=attempt.id,
            licence_id=licence.id,
            amount_minor=1_000,
            currency="usd",
            payment_method="pm_card_visa",
        )

        payments._authorised(attempt=attempt, payment=late, at=timezone.now())
        payments.release_stray(payment_intent=late.id, stripe=world.stripe)

        assert state_of(licence) == states.QUOTED
        assert "licence.void" in topics()
        assert world.objects("payment_intent")[0]["status"] == "canceled"


def begun(licence: Licence) -> PaymentAttempt:
    """Note the intent to authorise, as a process does that dies before its call."""
    return payments._begin_authorisation(
        licence_id=licence.id,
        buyer_id=licence.buyer_id,
        payment_method="pm_card_visa",
        at=timezone.now(),
    )


class TestVoid:
    def test_lets_go_and_closes_the_pending_books(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        end_use(licence)

        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.VOIDED
        assert (pending(), posted()) == ({}, {})
        assert world.objects("payment_intent")[0]["status"] == "canceled"

    def test_of_what_was_never_held_asks_nobody(self, world: World) -> None:
        licence = quoted(world)
        begun(licence)
        end_use(licence)

        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now() + LATER)

        assert state_of(licence) == states.VOIDED
        assert world.objects("payment_intent") == []

    def test_waits_for_an_authorisation_on_its_way(self, world: World) -> None:
        licence = quoted(world)
        begun(licence)
        end_use(licence)

        with pytest.raises(payments.StillUnderWay):
            payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

    def test_lets_go_of_an_authorisation_whose_answer_was_lost(self, world: World) -> None:
        licence = quoted(world)
        world.fault("drop_answer", path="/v1/payment_intents")
        with pytest.raises(StripeUnavailable):
            authorise(world, licence)
        end_use(licence, "cancelled")

        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.VOIDED
        assert world.objects("payment_intent")[0]["status"] == "canceled"
        assert pending() == {}

    @pytest.mark.parametrize("fault", ["drop_answer", "drop_request", "stored_500_after"])
    def test_survives_a_lost_answer(self, world: World, fault: str) -> None:
        licence = settlement.authorised(world.stripe)
        end_use(licence)
        world.fault(fault, ends="/cancel")
        with pytest.raises(StripeUnavailable):
            payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert (state_of(licence), pending()) == (states.VOIDED, {})

    def test_accepts_what_lapsed_by_itself(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        world.advance(8 * 24 * 3600)
        end_use(licence)

        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert (state_of(licence), pending()) == (states.VOIDED, {})

    def test_refuses_what_was_captured_by_hand(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        end_use(licence)
        assert world.post(f"/v1/payment_intents/{licence.payment_intent}/capture").ok

        with pytest.raises(payments.PaymentDiffers):
            payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())


class TestCapture:
    @pytest.mark.parametrize(
        "fault", ["drop_answer", "drop_request", "stored_500", "stored_500_after"]
    )
    def test_takes_the_money_once_whatever_is_lost(self, world: World, fault: str) -> None:
        licence = settlement.released(settlement.authorised(world.stripe))
        world.fault(fault, ends="/capture")
        with pytest.raises(StripeUnavailable):
            payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.CAPTURED
        assert len(world.objects("balance_transaction")) == 1
        assert Payout.objects.count() == 1

    @COMMITS
    def test_is_done_once_when_delivered_twice_at_once(self, world: World) -> None:
        licence = settlement.released(settlement.authorised(world.stripe))

        def run() -> None:
            try:
                payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
            except StripeUnavailable:
                pass  # The same key at once: Stripe says 409, the outbox comes again.
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.CAPTURED
        assert len(world.objects("balance_transaction")) == 1
        assert topics().count("payout.transfer") == 1

    def test_voids_the_licence_when_the_bank_let_go_first(self, world: World) -> None:
        licence = settlement.released(settlement.authorised(world.stripe))
        world.advance(8 * 24 * 3600)

        payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert (state_of(licence), pending(), posted()) == (states.VOIDED, {}, {})

    def test_does_nothing_unless_a_release_decided_it(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)

        payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.AUTHORISED
        assert world.objects("balance_transaction") == []


class TestRefund:
    def test_returns_the_price_and_reverses_each_transfer(self, world: World) -> None:
        owners = [settlement.onboarded(world.stripe) for _ in range(2)]
        licence = settlement.captured(
            world.stripe, [settlement.fee(owner, 1_000) for owner in owners]
        )
        send_all(world)
        end_use(licence, "withdrawn")

        payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
        claims = posted()["receivable"]
        for payout in Payout.objects.all():
            payouts.reverse(payout_id=payout.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.REFUNDED
        assert claims == 1_800
        assert posted() == {"stripe": -88, "processing_fees": 88}
        assert set(Payout.objects.values_list("state", flat=True)) == {"reversed"}

    def test_books_what_a_payee_has_spent_as_a_receivable(self, world: World) -> None:
        licence = settlement.captured(world.stripe)
        send_all(world)
        payout = Payout.objects.get()
        end_use(licence, "withdrawn")
        payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
        world.payee(payout.payee.payee_account.stripe_id, balances={})

        payouts.reverse(payout_id=payout.id, stripe=world.stripe, at=timezone.now())

        payout.refresh_from_db()
        assert payout.state == "short"
        assert posted()["receivable"] == 900

    def test_cancels_payouts_that_were_not_sent(self, world: World) -> None:
        licence = settlement.captured(world.stripe)
        end_use(licence, "withdrawn")

        payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
        send_all(world)
        for payout in Payout.objects.all():
            payouts.send(payout_id=payout.id, stripe=world.stripe, at=timezone.now())

        assert Payout.objects.get().state == "cancelled"
        assert world.objects("transfer") == []
        assert posted() == {"stripe": -59, "processing_fees": 59}

    def test_waits_for_a_transfer_on_its_way(self, world: World) -> None:
        licence = settlement.captured(world.stripe)
        payouts._begin_sending(payout_id=Payout.objects.get().id, at=timezone.now())
        end_use(licence, "withdrawn")

        with pytest.raises(payments.StillUnderWay):
            payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert world.objects("refund") == []

    def test_lets_go_when_the_withdrawal_came_before_the_capture(self, world: World) -> None:
        licence = settlement.released(settlement.authorised(world.stripe))
        end_use(licence, "withdrawn")

        payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
        payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert (state_of(licence), posted(), pending()) == (states.VOIDED, {}, {})
        assert world.objects("payment_intent")[0]["status"] == "canceled"

    def test_settles_a_capture_whose_answer_was_lost(self, world: World) -> None:
        licence = settlement.released(settlement.authorised(world.stripe))
        world.fault("drop_answer", ends="/capture")
        with pytest.raises(StripeUnavailable):
            payments.capture(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
        end_use(licence, "withdrawn")

        payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.REFUNDED
        assert posted() == {"stripe": -59, "processing_fees": 59}
        assert Payout.objects.count() == 0

    def test_waits_for_a_capture_on_its_way(self, world: World) -> None:
        licence = settlement.released(settlement.authorised(world.stripe))
        payments._begin(
            licence_id=licence.id, kind="capture", when="capture_intended", at=timezone.now()
        )
        end_use(licence, "withdrawn")

        with pytest.raises(payments.StillUnderWay):
            payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

    @pytest.mark.parametrize("fault", ["drop_answer", "drop_request", "stored_500_after"])
    def test_refunds_once_whatever_is_lost(self, world: World, fault: str) -> None:
        licence = settlement.captured(world.stripe)
        end_use(licence, "withdrawn")
        world.fault(fault, path="/v1/refunds", method="POST")
        with pytest.raises(StripeUnavailable):
            payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        payments.refund(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.REFUNDED
        assert len(world.objects("refund")) == 1


class TestRaces:
    """Revocation, cancelling and capture meet in every order, and end in one state."""

    def test_a_revocation_after_authorising_voids_and_forbids_the_capture(
        self, world: World
    ) -> None:
        licence = settlement.authorised(world.stripe)
        end_use(licence)

        with transaction.atomic(), pytest.raises(NotAuthorised):
            licences.intend_capture(use_id=licence.use_id, at=timezone.now())

        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())
        assert state_of(licence) == states.VOIDED

    @COMMITS
    def test_a_cancel_and_a_release_at_once_end_in_one_of_two(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        barrier = threading.Barrier(2)

        def release() -> None:
            try:
                barrier.wait(10)
                with transaction.atomic():
                    licences.intend_capture(use_id=licence.use_id, at=timezone.now())
            except NotAuthorised:
                pass
            finally:
                connection.close()

        def cancel() -> None:
            try:
                barrier.wait(10)
                end_use(licence, "cancelled")
            finally:
                connection.close()

        threads = [threading.Thread(target=release), threading.Thread(target=cancel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        for carry in (payments.capture, payments.void, payments.refund):
            carry(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        assert state_of(licence) == states.VOIDED
        assert (posted(), pending()) == ({}, {})

    def test_an_unknown_licence_is_not_found(self, world: World) -> None:
        with pytest.raises(LicenceNotFound):
            payments.capture(licence_id=uuid.uuid4(), stripe=world.stripe, at=timezone.now())
