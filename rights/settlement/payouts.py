"""Paying payees, each alone, and taking a transfer back after a refund."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from ledger.db import use_case
from ledger.errors import CountersignError, NotFound
from rights.licences import actions as licences
from rights.licences import states
from rights.licences.models import Licence
from rights.settlement import attempts, books, entries, owing
from rights.settlement.gateway import BalanceTooLow, Done, Stripe, StripeUnavailable
from rights.settlement.models import PayeeAccount, PaymentAttempt, Payout

logger = structlog.get_logger(__name__)

Kind = PaymentAttempt.Kind


class PayoutNotFound(NotFound):
    code = "payout-not-found"
    title = "There is no such payout."


def send(*, payout_id: UUID, stripe: Stripe, at: datetime) -> None:
    """Pay one payout at most once. A payee who cannot be paid now is owed it: see `payees.refresh`.

    Raises:
        TransferRefused: Stripe said no; it is retried alone, and the others stand.
        StripeUnavailable: the outcome is unknown; the next try looks for it first.
    """
    begun = _begin_sending(payout_id=payout_id, at=at)
    if begun is None:
        return
    attempt, destination, charge = begun
    try:
        attempt, done = attempts.carry(
            attempt,
            look_up=lambda it: stripe.find_transfer(key=it.id, licence_id=it.licence_id),
            call=lambda it: stripe.send_transfer(
                key=it.id,
                licence_id=it.licence_id,
                destination=destination,
                charge=charge,
                amount_minor=it.amount_minor,
                currency=it.currency,
            ),
            at=at,
        )
    except StripeUnavailable:
        raise
    except CountersignError as exc:
        _refused(attempt=attempt, code=exc.code, at=at)
        raise
    _sent(attempt=attempt, done=done, at=at)


def reverse(*, payout_id: UUID, stripe: Stripe, at: datetime) -> None:
    """Take one sent payout back. What the payee's balance lacks stays in the books as a receivable."""
    begun = _begin_reversal(payout_id=payout_id, at=at)
    if begun is None:
        return
    attempt, transfer = begun
    try:
        attempt, done = attempts.carry(
            attempt,
            look_up=lambda it: stripe.find_reversal(key=it.id, transfer=transfer),
            call=lambda it: stripe.reverse_transfer(
                key=it.id, transfer=transfer, amount_minor=it.amount_minor
            ),
            at=at,
        )
    except BalanceTooLow as exc:
        _short(attempt=attempt, code=exc.code, at=at)
        logger.warning("settlement.receivable", payout_id=str(payout_id))
        return
    _reversed(attempt=attempt, done=done, at=at)


@use_case
def _begin_sending(*, payout_id: UUID, at: datetime) -> tuple[PaymentAttempt, str, str] | None:
    licence, payout = _lock(payout_id)
    if payout.state != Payout.State.OWED or licence.state != states.CAPTURED:
        return None
    payee = PayeeAccount.objects.filter(account_id=payout.payee_id, state="active").first()
    if payee is None:
        logger.info("settlement.payout_held", payout_id=str(payout_id))
        return None
    attempt = attempts.begin(
        kind=Kind.TRANSFER,
        licence=licence,
        payout=payout,
        amount_minor=payout.amount_minor,
        at=at,
    )
    return attempt, payee.stripe_id, licence.charge


@use_case
def _sent(*, attempt: PaymentAttempt, done: Done, at: datetime) -> None:
    _, payout = _lock_of(attempt)
    if not attempts.succeeded(attempt, stripe_id=done.id, at=at):
        return
    owing.move(payout, Payout.State.SENT, stripe_id=done.id, at=at)
    books.record(
        entries.payout(
            payout_id=payout.id,
            licence_id=payout.licence_id,
            payee_id=payout.payee_id,
            amount_minor=payout.amount_minor,
            movement=done.movement,
        ),
        at=at,
    )


@use_case
def _refused(*, attempt: PaymentAttempt, code: str, at: datetime) -> None:
    attempts.refused(attempt, code=code, at=at)


@use_case
def _begin_reversal(*, payout_id: UUID, at: datetime) -> tuple[PaymentAttempt, str] | None:
    licence, payout = _lock(payout_id)
    if payout.state != Payout.State.REVERSAL_INTENDED:
        return None
    attempt = attempts.begin(
        kind=Kind.REVERSAL,
        licence=licence,
        payout=payout,
        amount_minor=payout.amount_minor,
        at=at,
    )
    return attempt, payout.stripe_id


@use_case
def _reversed(*, attempt: PaymentAttempt, done: Done, at: datetime) -> None:
    _, payout = _lock_of(attempt)
    if not attempts.succeeded(attempt, stripe_id=done.id, at=at):
        return
    owing.move(payout, Payout.State.REVERSED, at=at)
    books.record(
        entries.reversal(
            payout_id=payout.id,
            licence_id=payout.licence_id,
            payee_id=payout.payee_id,
            amount_minor=payout.amount_minor,
            movement=done.movement,
        ),
        at=at,
    )


@use_case
def _short(*, attempt: PaymentAttempt, code: str, at: datetime) -> None:
    _, payout = _lock_of(attempt)
    if attempts.refused(attempt, code=code, at=at):
        owing.move(payout, Payout.State.SHORT, at=at)


def _lock_of(attempt: PaymentAttempt) -> tuple[Licence, Payout]:
    if attempt.payout_id is None:
        raise PayoutNotFound(attempt_id=attempt.id)
    return _lock(attempt.payout_id)


def _lock(payout_id: UUID) -> tuple[Licence, Payout]:
    """Return the payout and its licence, both locked, the licence first (ADR 3)."""
    licence_id = Payout.objects.filter(id=payout_id).values_list("licence_id", flat=True).first()
    if licence_id is None:
        raise PayoutNotFound(payout_id=payout_id)
    licence = licences.lock(licence_id=licence_id)
    return licence, Payout.objects.select_for_update().get(id=payout_id)
