"""Carrying one intended call to Stripe to its outcome, at most one effect whatever happens.

The intent is a row before the call. A second try first looks whether the first one happened; only
then is the same key sent again, and never once Stripe may have forgotten it (24 h) or would repeat a
stored failure: such a key is closed as lost, and a new row takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from ledger.db import forbid_open_transaction, step, use_case
from rights.licences.models import Licence
from rights.settlement.gateway import StripeAnswerStored, StripeUnavailable
from rights.settlement.models import PaymentAttempt, Payout

T = TypeVar("T")

KEY_KEPT_FOR = timedelta(hours=23)  # Stripe keeps a key for at least 24 h.
CALL_TAKES_AT_MOST = timedelta(seconds=120)  # With the SDK's own retries.


@step
def begin(
    *,
    kind: str,
    licence: Licence,
    amount_minor: int,
    at: datetime,
    payout: Payout | None = None,
    payment_method: str = "",
) -> PaymentAttempt:
    """Return the open attempt of this kind, or a new one, with one more call counted.

    The licence is locked, so there is one at a time.
    """
    attempt = open_one(licence_id=licence.id, kind=kind, payout_id=payout.id if payout else None)
    if attempt is None:
        return PaymentAttempt.objects.create(
            kind=kind,
            licence=licence,
            payout=payout,
            amount_minor=amount_minor,
            currency=licence.currency,
            payment_method=payment_method,
            calls=1,
            called_at=at,
            created_at=at,
        )
    attempt.calls += 1
    attempt.called_at, attempt.code = at, ""
    attempt.save(update_fields=["calls", "called_at", "code"])
    return attempt


@step
def open_one(
    *, licence_id: UUID, kind: str, payout_id: UUID | None = None
) -> PaymentAttempt | None:
    """Return the open attempt of this kind, locked, or None."""
    rows = PaymentAttempt.objects.filter(licence_id=licence_id, kind=kind, state="open")
    rows = rows.filter(payout=None) if payout_id is None else rows.filter(payout_id=payout_id)
    return rows.select_for_update(of=("self",)).first()


def is_under_way(attempt: PaymentAttempt, *, at: datetime) -> bool:
    """Return whether a call of this attempt may still be on its way to Stripe."""
    return not attempt.code and attempt.called_at > at - CALL_TAKES_AT_MOST


def carry(
    attempt: PaymentAttempt,
    *,
    look_up: Callable[[PaymentAttempt], T | None],
    call: Callable[[PaymentAttempt], T],
    at: datetime,
) -> tuple[PaymentAttempt, T]:
    """Return the attempt that was carried and its outcome: found, or made now.

    Raises:
        StripeUnavailable: the outcome is unknown; the attempt stays open for a later look.
        CountersignError: Stripe refused; the caller closes the attempt.
    """
    forbid_open_transaction()
    try:
        if attempt.calls > 1:
            found = look_up(attempt)
            if found is not None:
                return attempt, found
            attempt = _renewed(attempt_id=attempt.id, at=at)
        return attempt, call(attempt)
    except StripeUnavailable as exc:
        _unanswered(attempt_id=attempt.id, is_key_spent=isinstance(exc, StripeAnswerStored))
        raise


@step
def succeeded(attempt: PaymentAttempt, *, stripe_id: str, at: datetime) -> bool:
    """Close an attempt with what it made. Returns whether it was open: only then is anything owed."""
    return _end(attempt, PaymentAttempt.State.SUCCEEDED, stripe_id=stripe_id, code="", at=at)


@step
def refused(attempt: PaymentAttempt, *, code: str, at: datetime) -> bool:
    """Close an attempt that Stripe or the bank said no to. Returns whether it was open."""
    return _end(attempt, PaymentAttempt.State.REFUSED, stripe_id="", code=code, at=at)


@step
def lost(attempt: PaymentAttempt, *, at: datetime) -> bool:
    """Close an attempt that was looked for and never happened. Returns whether it was open."""
    return _end(attempt, PaymentAttempt.State.LOST, stripe_id="", code="not-found", at=at)


def _end(attempt: PaymentAttempt, state: str, *, stripe_id: str, code: str, at: datetime) -> bool:
    changed = PaymentAttempt.objects.filter(id=attempt.id, state="open").update(
        state=state, stripe_id=stripe_id, code=code, ended_at=max(at, attempt.created_at)
    )
    return changed == 1


@use_case
def _renewed(*, attempt_id: UUID, at: datetime) -> PaymentAttempt:
    """Return the attempt itself, or one with a fresh key if its own is spent."""
    attempt = PaymentAttempt.objects.select_for_update().get(id=attempt_id)
    is_spent = attempt.is_key_spent or attempt.created_at <= at - KEY_KEPT_FOR
    if attempt.state != PaymentAttempt.State.OPEN or not is_spent:
        return attempt
    lost(attempt, at=at)
    return PaymentAttempt.objects.create(
        kind=attempt.kind,
        licence_id=attempt.licence_id,
        payout_id=attempt.payout_id,
        amount_minor=attempt.amount_minor,
        currency=attempt.currency,
        payment_method=attempt.payment_method,
        calls=1,
        called_at=at,
        created_at=at,
    )


@use_case
def _unanswered(*, attempt_id: UUID, is_key_spent: bool) -> None:
    attempt = PaymentAttempt.objects.select_for_update().get(id=attempt_id)
    if attempt.state == PaymentAttempt.State.OPEN:
        attempt.code = "unanswered"
        attempt.is_key_spent = attempt.is_key_spent or is_key_spent
        attempt.save(update_fields=["code", "is_key_spent"])
