"""Outbox handlers of money. Each may be delivered twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from ledger.outbox.tasks import Later, handler
from rights.settlement import events, lapsing, payments, payouts, stripe_gateway

WAIT_S = 3.0


@contextmanager
def _waiting() -> Iterator[None]:
    """Wait for an earlier step instead of counting a failure."""
    try:
        yield
    except payments.StillUnderWay as exc:
        raise Later(WAIT_S) from exc


@handler
def void(*, licence_id: str, at: datetime, payment_intent: str = "") -> None:
    """`licence.void`: let go of the money; of a stray payment where one is named."""
    stripe = stripe_gateway.from_settings()
    if payment_intent:
        payments.release_stray(payment_intent=payment_intent, stripe=stripe)
        return
    with _waiting():
        payments.void(licence_id=UUID(licence_id), stripe=stripe, at=at)


@handler
def capture(*, licence_id: str, at: datetime) -> None:
    """`licence.capture`: take the money that a release decided to take."""
    payments.capture(licence_id=UUID(licence_id), stripe=stripe_gateway.from_settings(), at=at)


@handler
def refund(*, licence_id: str, at: datetime) -> None:
    """`licence.refund`: give the money back after a withdrawal."""
    with _waiting():
        payments.refund(licence_id=UUID(licence_id), stripe=stripe_gateway.from_settings(), at=at)


@handler
def send_transfer(*, payout_id: str, at: datetime) -> None:
    """`payout.transfer`: pay one payee."""
    payouts.send(payout_id=UUID(payout_id), stripe=stripe_gateway.from_settings(), at=at)


@handler
def reverse_transfer(*, payout_id: str, at: datetime) -> None:
    """`payout.reversal`: take one transfer back."""
    payouts.reverse(payout_id=UUID(payout_id), stripe=stripe_gateway.from_settings(), at=at)


@handler
def process_event(*, event_id: str, at: datetime) -> None:
    """`stripe.event`: follow one event that was kept."""
    with _waiting():
        events.process(event_id=UUID(event_id), stripe=stripe_gateway.from_settings(), at=at)


@handler
def lapse(*, at: datetime) -> None:
    """`clock.licences`: end what ran out."""
    lapsing.sweep(stripe=stripe_gateway.from_settings(), at=at)
