"""What Stripe tells us: kept once, and then looked up rather than believed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from ledger.db import use_case
from ledger.errors import NotFound
from ledger.outbox import actions as outbox
from rights.licences import states
from rights.licences.models import Licence
from rights.settlement import lapsing, payees, payments
from rights.settlement.gateway import Notice, PaymentState, Stripe
from rights.settlement.models import StripeEvent

logger = structlog.get_logger(__name__)

PAYMENT_TYPES = frozenset(
    {
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.succeeded",
    }
)
PAYEE_TYPES = frozenset(
    {
        "v2.core.account[configuration.recipient].capability_status_updated",
        "v2.core.account[configuration.recipient].updated",
        "v2.core.account[requirements].updated",
        "v2.core.account.closed",
    }
)


class EventNotFound(NotFound):
    code = "stripe-event-not-found"
    title = "There is no such event."


@use_case
def receive(notice: Notice, *, at: datetime) -> bool:
    """Keep an event once, and owe its processing. Returns whether it is new.

    A type that means nothing to us is kept as `ignored`, so that it is counted, and is done.
    """
    is_known = notice.type in PAYMENT_TYPES | PAYEE_TYPES
    event, is_new = StripeEvent.objects.get_or_create(
        stripe_id=notice.id,
        defaults={
            "type": notice.type,
            "object_id": notice.object_id,
            "state": "received" if is_known else "ignored",
            "received_at": at,
            "processed_at": None if is_known else at,
        },
    )
    if not is_new:
        return False
    if is_known:
        outbox.enqueue(topic="stripe.event", payload={"event_id": str(event.id)}, at=at)
    return True


def process(*, event_id: UUID, stripe: Stripe, at: datetime) -> None:
    """Look up what an event is about, and follow it. In any order and however often, the same end.

    Raises:
        StillUnderWay, StripeUnavailable: try again.
    """
    event = StripeEvent.objects.filter(id=event_id).first()
    if event is None:
        raise EventNotFound(event_id=event_id)
    if event.state != StripeEvent.State.RECEIVED:
        return
    if event.type in PAYEE_TYPES:
        payees.refresh(stripe_id=event.object_id, stripe=stripe, at=at)
    else:
        _follow_payment(event.object_id, stripe=stripe, at=at)
    _processed(event_id=event_id, at=at)


def _follow_payment(payment_intent: str, *, stripe: Stripe, at: datetime) -> None:
    payment = stripe.payment(payment_intent)
    if payment.licence_id is None:
        return  # Not a payment of ours; reconciliation names it if it moved money.
    licence = Licence.objects.filter(id=payment.licence_id).first()
    if licence is None:
        return
    if payment.state == PaymentState.HELD:
        payments.settle_authorisation(licence_id=licence.id, stripe=stripe, at=at)
        licence.refresh_from_db()
        if licence.payment_intent != payment_intent and licence.state != states.AUTHORISING:
            payments.release_stray(payment_intent=payment_intent, stripe=stripe)
    elif payment.state == PaymentState.GONE and licence.payment_intent == payment_intent:
        lapsing.end(licence_id=licence.id, at=at, is_gone=True)


@use_case
def _processed(*, event_id: UUID, at: datetime) -> None:
    StripeEvent.objects.filter(id=event_id, state="received").update(
        state="processed", processed_at=at
    )
