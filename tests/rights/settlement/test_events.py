"""Events come twice, late, in any order; the end is the same."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from ledger.consent.models import Use
from ledger.consent.observers import UseChange
from ledger.outbox.models import OutboxMessage
from rights.licences import actions as licences
from rights.licences import states
from rights.settlement import events, lapsing, payments, queries
from rights.settlement.gateway import Notice, StripeUnavailable
from rights.settlement.models import PayeeAccount, PaymentAttempt, StripeEvent
from tests.factories import settlement
from tests.factories.settlement import World

pytestmark = pytest.mark.django_db

CAPABILITY = "v2.core.account[configuration.recipient].capability_status_updated"


def receive(kind: str, object_id: str, identity: str = "evt_1") -> bool:
    notice = Notice(identity, kind, object_id, is_live=False, account="")
    return events.receive(notice, at=timezone.now())


def process(world: World) -> None:
    for event_id in StripeEvent.objects.order_by("received_at").values_list("id", flat=True):
        events.process(event_id=event_id, stripe=world.stripe, at=timezone.now())


class TestReceive:
    def test_keeps_an_event_once(self) -> None:
        assert [receive("payment_intent.canceled", "pi_1") for _ in range(3)] == [
            True,
            False,
            False,
        ]

    @pytest.mark.django_db(transaction=True)
    def test_keeps_an_event_once_when_two_come_at_once(self) -> None:
        found: list[bool] = []

        def run() -> None:
            try:
                found.append(receive("payment_intent.canceled", "pi_1"))
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert sorted(found) == [False] * 5 + [True]
        assert StripeEvent.objects.count() == 1


class TestProcess:
    def test_finishes_an_authorisation_before_its_answer_is_known(self, world: World) -> None:
        licence = settlement.quoted([settlement.fee(settlement.onboarded(world.stripe))])
        world.fault("drop_answer", path="/v1/payment_intents")
        with pytest.raises(StripeUnavailable):
            payments.authorise(
                licence_id=licence.id,
                buyer_id=licence.buyer_id,
                payment_method="pm_card_visa",
                stripe=world.stripe,
                at=timezone.now(),
            )
        intent = world.objects("payment_intent")[0]
        receive("payment_intent.amount_capturable_updated", intent["id"])

        process(world)
        process(world)

        licence.refresh_from_db()
        assert licence.state == states.AUTHORISED
        assert StripeEvent.objects.get().state == "processed"

    @pytest.mark.parametrize(
        "order", list(itertools.permutations(["amount_capturable_updated", "succeeded"]))
    )
    def test_never_goes_back_whatever_the_order(self, world: World, order: tuple[str, ...]) -> None:
        licence = settlement.captured(world.stripe)
        for number, kind in enumerate(order):
            receive(f"payment_intent.{kind}", licence.payment_intent, f"evt_{number}")

        process(world)

        licence.refresh_from_db()
        assert licence.state == states.CAPTURED
        assert queries.books().is_balanced

    def test_ends_the_use_whose_authorisation_is_gone(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        world.advance(8 * 24 * 3600)
        receive("payment_intent.canceled", licence.payment_intent)

        process(world)
        payments.void(licence_id=licence.id, stripe=world.stripe, at=timezone.now())

        licence.refresh_from_db()
        assert licence.state == states.VOIDED
        assert Use.objects.get(id=licence.use_id).state == Use.State.FAILED

    def test_does_not_believe_an_event_over_the_object(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        receive("payment_intent.canceled", licence.payment_intent)

        process(world)

        licence.refresh_from_db()
        assert licence.state == states.AUTHORISED

    def test_notes_a_payees_restriction(self, world: World) -> None:
        account = settlement.onboarded(world.stripe)
        stripe_id = PayeeAccount.objects.get(account=account).stripe_id
        world.payee(stripe_id, status="restricted")
        receive(CAPABILITY, stripe_id)

        process(world)

        assert PayeeAccount.objects.get().state == "restricted"

    def test_lets_go_of_a_payment_that_no_licence_took(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        stray = world.stripe.authorise(
            key=uuid.uuid4(),
            licence_id=licence.id,
            amount_minor=1_000,
            currency="usd",
            payment_method="pm_card_visa",
        )
        receive("payment_intent.amount_capturable_updated", stray.id)

        process(world)

        found = {row["id"]: row["status"] for row in world.objects("payment_intent")}
        assert found == {licence.payment_intent: "requires_capture", stray.id: "canceled"}

    def test_ignores_a_payment_that_is_not_ours(self, world: World) -> None:
        answer = world.post("/v1/payment_intents", amount="500", currency="usd")
        receive("payment_intent.succeeded", answer.json()["id"])

        process(world)

        assert StripeEvent.objects.get().state == "processed"

    def test_of_nothing_known_is_not_found(self, world: World) -> None:
        with pytest.raises(events.EventNotFound):
            events.process(event_id=uuid.uuid4(), stripe=world.stripe, at=timezone.now())


@pytest.mark.django_db(transaction=True)
class TestOverHttp:
    """The stand-in signs and sends; the endpoint keeps each event once, whatever it does to them."""

    def test_each_event_is_kept_once(
        self, live_server: LiveServer, tmp_path: Path, settings: Any
    ) -> None:
        settings.STRIPE_WEBHOOK_SECRET = settlement.WEBHOOK_SECRET
        url = f"{live_server.url}/webhooks/stripe"
        with settlement.world(tmp_path, webhook_url=url) as world:
            world.fault("webhook_duplicate", type="payment_intent.amount_capturable_updated")
            world.fault("webhook_reorder", type="payment_intent.created", seconds=0.4)
            world.fault("webhook_drop", type="v2.core.account.created")

            settlement.authorised(world.stripe)
            wait_for(world)

        kept = list(StripeEvent.objects.order_by("received_at").values_list("type", flat=True))
        assert kept == ["payment_intent.amount_capturable_updated", "payment_intent.created"]


def wait_for(world: World) -> None:
    """Wait until nothing is owed to the service: ten seconds at most."""
    deadline = time.monotonic() + 10
    while world.health()["deliveries"]:
        assert time.monotonic() < deadline, "webhooks are still owed"
        time.sleep(0.05)


class TestSweep:
    def test_expires_a_quote_and_cancels_its_use(self, world: World) -> None:
        licence = settlement.quoted()

        lapsing.sweep(stripe=world.stripe, at=licence.quote_expires_at)

        licence.refresh_from_db()
        assert licence.state == states.EXPIRED
        assert Use.objects.get(id=licence.use_id).state == Use.State.CANCELLED

    def test_expires_a_quote_whose_use_ended_without_it(self, world: World) -> None:
        licence = settlement.quoted()
        Use.objects.filter(id=licence.use_id).update(state=Use.State.RELEASED)

        lapsing.sweep(stripe=world.stripe, at=licence.quote_expires_at)

        licence.refresh_from_db()
        assert licence.state == states.EXPIRED

    def test_lets_go_before_the_bank_does(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)
        assert licence.capture_before is not None
        soon = licence.capture_before - timedelta(minutes=30)

        lapsing.sweep(stripe=world.stripe, at=soon)
        payments.void(licence_id=licence.id, stripe=world.stripe, at=soon)

        licence.refresh_from_db()
        assert licence.state == states.VOIDED
        assert Use.objects.get(id=licence.use_id).state == Use.State.FAILED

    def test_leaves_what_has_time(self, world: World) -> None:
        licence = settlement.authorised(world.stripe)

        lapsing.sweep(stripe=world.stripe, at=timezone.now())

        licence.refresh_from_db()
        assert licence.state == states.AUTHORISED

    def test_settles_an_authorisation_whose_process_died(self, world: World) -> None:
        licence = settlement.quoted([settlement.fee(settlement.onboarded(world.stripe))])
        payments._begin_authorisation(
            licence_id=licence.id,
            buyer_id=licence.buyer_id,
            payment_method="pm_card_visa",
            at=timezone.now(),
        )

        lapsing.sweep(stripe=world.stripe, at=timezone.now() + timedelta(seconds=121))

        licence.refresh_from_db()
        assert licence.state == states.QUOTED
        assert PaymentAttempt.objects.get().state == "lost"

    @pytest.mark.parametrize("end", ["released", "failed", "withdrawn"])
    def test_owes_again_what_the_outbox_gave_up(self, world: World, end: str) -> None:
        licence = settlement.authorised(world.stripe)
        if end != "failed":
            settlement.released(licence)
        if end != "released":
            with transaction.atomic():
                licences.use_changed(UseChange(licence.use_id, end, "a-reason", timezone.now()))
        licence.refresh_from_db()
        topic = licences.CALLS[licence.state]
        given_up = timezone.now() + timedelta(minutes=30)
        OutboxMessage.objects.filter(topic=topic).update(failed_at=given_up)

        for minutes in (60, 80, 95, 96):
            at = given_up + timedelta(minutes=minutes - 30)
            lapsing.sweep(stripe=world.stripe, at=at)

        owed = OutboxMessage.objects.filter(topic=topic, failed_at=None)
        assert [message.payload for message in owed] == [{"licence_id": str(licence.id)}]

    def test_owes_nothing_twice(self, world: World) -> None:
        settlement.released(settlement.authorised(world.stripe))

        lapsing.sweep(stripe=world.stripe, at=timezone.now() + timedelta(hours=2))

        assert OutboxMessage.objects.filter(topic="licence.capture").count() == 1

    def test_goes_on_when_one_cannot_be_settled(self, world: World) -> None:
        stuck = settlement.quoted([settlement.fee(settlement.onboarded(world.stripe))])
        payments._begin_authorisation(
            licence_id=stuck.id,
            buyer_id=stuck.buyer_id,
            payment_method="pm_card_visa",
            at=timezone.now(),
        )
        other = settlement.quoted()
        world.fault("error", path="/v1/payment_intents", status=503)

        lapsing.sweep(stripe=world.stripe, at=other.quote_expires_at)

        other.refresh_from_db()
        assert other.state == states.EXPIRED
