"""Holding, taking, letting go of and giving back a buyer's money.

Each is begin, call, finish: two transactions with the call between them, so no lock waits for the
network. Each may be repeated, also at once, and has one effect.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import Sum

from ledger.db import use_case
from ledger.errors import Conflict, CountersignError
from ledger.outbox import actions as outbox
from rights.licences import actions as licences
from rights.licences import states
from rights.licences.errors import AuthorisationInProgress
from rights.licences.models import Licence, LicenceLine
from rights.settlement import attempts, books, entries, owing
from rights.settlement.gateway import (
    AuthorisationGone,
    CardDeclined,
    Done,
    Payment,
    PaymentState,
    Stripe,
    StripeUnavailable,
)
from rights.settlement.models import PaymentAttempt, Payout

logger = structlog.get_logger(__name__)

Kind = PaymentAttempt.Kind


class StillUnderWay(Conflict):
    """An earlier call has not ended; what must follow it waits."""

    code = "payment-under-way"
    title = "An earlier step of this payment has not ended; try again in a moment."


class PaymentDiffers(Conflict):
    """Stripe holds or took another sum than the licence says: somebody changed it there by hand."""

    code = "payment-differs"
    title = "The payment provider's sum is not the licence's."


def authorise(
    *, licence_id: UUID, buyer_id: UUID, payment_method: str, stripe: Stripe, at: datetime
) -> Licence:
    """Hold the licence's price at the buyer's bank. Returns the licence, authorised.

    Asked again after an unknown outcome, it first looks what became of the first try; the payment
    method of that one counts.

    Raises:
        LicenceNotFound: there is none, or it is another buyer's.
        QuoteExpired, NotInThatState: it cannot be paid any more, or was paid already.
        AuthorisationInProgress: the first request is still with the bank.
        CardDeclined, PaymentMethodRefused: the quote stands; try another payment method.
        StripeUnavailable: the outcome is unknown; it will be looked up.
    """
    attempt = _begin_authorisation(
        licence_id=licence_id, buyer_id=buyer_id, payment_method=payment_method, at=at
    )
    try:
        attempt, payment = attempts.carry(
            attempt,
            look_up=lambda it: stripe.find_authorisation(key=it.id, since=it.created_at),
            call=lambda it: stripe.authorise(
                key=it.id,
                licence_id=licence_id,
                amount_minor=it.amount_minor,
                currency=it.currency,
                payment_method=it.payment_method,
            ),
            at=at,
        )
    except StripeUnavailable:
        raise
    except CountersignError as exc:
        _authorisation_refused(attempt=attempt, code=exc.code, at=at)
        raise
    if payment.state != PaymentState.HELD:
        _authorisation_refused(attempt=attempt, code="not-held", at=at)
        raise CardDeclined(decline_code="not-held")
    return _authorised(attempt=attempt, payment=payment, at=at)


def settle_authorisation(*, licence_id: UUID, stripe: Stripe, at: datetime) -> None:
    """Find out what became of an authorisation whose answer never came. Nothing is sent.

    Raises:
        StillUnderWay: its call may still be on its way.
    """
    attempt = _open(licence_id=licence_id, kind=Kind.AUTHORISE)
    if attempt is None:
        return
    found = stripe.find_authorisation(key=attempt.id, since=attempt.created_at)
    if found is not None and found.state == PaymentState.HELD:
        _authorised(attempt=attempt, payment=found, at=at)
    elif attempts.is_under_way(attempt, at=at):
        raise StillUnderWay(licence_id=licence_id)
    elif found is not None:
        _authorisation_refused(attempt=attempt, code="not-held", at=at)
    else:
        _authorisation_lost(attempt=attempt, at=at)


def capture(*, licence_id: UUID, stripe: Stripe, at: datetime) -> None:
    """Take the money that a release decided to take, book it, and owe each payee its part.

    When the bank let go of it first, the licence is voided: the video is released and unpaid, which
    the log and a warning say.
    """
    begun = _begin(licence_id=licence_id, kind=Kind.CAPTURE, when=states.CAPTURE_INTENDED, at=at)
    if begun is None:
        return
    payment_intent, attempt = begun
    try:
        attempt, payment = attempts.carry(
            attempt,
            look_up=lambda _: _if_captured(stripe.payment(payment_intent)),
            call=lambda it: stripe.capture(key=it.id, payment_intent=payment_intent),
            at=at,
        )
    except AuthorisationGone as exc:
        _released(attempt=attempt, is_expired=True, why=exc.code, at=at)
        logger.warning("settlement.capture_lost", licence_id=str(licence_id))
        return
    _captured(attempt=attempt, payment=payment, at=at)


def void(*, licence_id: UUID, stripe: Stripe, at: datetime) -> None:
    """Let go of the money of a use that ended before its release.

    Raises:
        StillUnderWay: the authorisation has not been answered yet.
    """
    settle_authorisation(licence_id=licence_id, stripe=stripe, at=at)
    if _nothing_held(licence_id=licence_id, at=at):
        return
    begun = _begin(licence_id=licence_id, kind=Kind.VOID, when=states.VOID_INTENDED, at=at)
    if begun is not None:
        _let_go(*begun, stripe=stripe, at=at)


def release_stray(*, payment_intent: str, stripe: Stripe) -> None:
    """Let go of money that no licence knows of: an authorisation answered after it was given up."""
    key = uuid.uuid5(uuid.NAMESPACE_URL, f"stray:{payment_intent}")
    if stripe.payment(payment_intent).state == PaymentState.HELD:
        stripe.cancel(key=key, payment_intent=payment_intent)


def refund(*, licence_id: UUID, stripe: Stripe, at: datetime) -> None:
    """Give a withdrawn use's money back, and ask for each sent transfer's return.

    A capture whose outcome is unknown is settled first; if nothing was taken, the money is let go.

    Raises:
        StillUnderWay: a capture or transfer has not been answered yet.
    """
    if not _settle_capture(licence_id=licence_id, stripe=stripe, at=at):
        return
    begun = _begin_refund(licence_id=licence_id, at=at)
    if begun is None:
        return
    payment_intent, attempt = begun
    attempt, done = attempts.carry(
        attempt,
        look_up=lambda it: stripe.find_refund(key=it.id, payment_intent=payment_intent),
        call=lambda it: stripe.refund(
            key=it.id,
            licence_id=licence_id,
            payment_intent=payment_intent,
            amount_minor=it.amount_minor,
        ),
        at=at,
    )
    _refunded(attempt=attempt, done=done, at=at)


def parts_of(licence: Licence) -> entries.Parts:
    """Return how a licence's money is shared. One query."""
    rows = (
        LicenceLine.objects.filter(licence_id=licence.id)
        .values("payee_id")
        .annotate(amount=Sum("amount_minor"), fee=Sum("fee_minor"))
        .order_by("payee_id")
    )
    return entries.Parts(
        currency=licence.currency,
        fee_minor=sum(row["fee"] for row in rows),
        by_payee={row["payee_id"]: row["amount"] - row["fee"] for row in rows},
    )


@use_case
def _begin_authorisation(
    *, licence_id: UUID, buyer_id: UUID, payment_method: str, at: datetime
) -> PaymentAttempt:
    licence = licences.lock(licence_id=licence_id, buyer_id=buyer_id)
    attempt = attempts.open_one(licence_id=licence.id, kind=Kind.AUTHORISE)
    if attempt is not None and attempts.is_under_way(attempt, at=at):
        raise AuthorisationInProgress(licence_id=licence_id)
    if attempt is None or licence.state != states.AUTHORISING:
        licences.begin_authorisation(licence, at=at)
    return attempts.begin(
        kind=Kind.AUTHORISE,
        licence=licence,
        amount_minor=licence.amount_minor,
        payment_method=payment_method,
        at=at,
    )


@use_case
def _authorised(*, attempt: PaymentAttempt, payment: Payment, at: datetime) -> Licence:
    licence = licences.lock(licence_id=attempt.licence_id)
    if (payment.amount_minor, payment.currency) != (licence.amount_minor, licence.currency):
        raise PaymentDiffers(licence_id=licence.id, payment_intent=payment.id)
    if not attempts.succeeded(attempt, stripe_id=payment.id, at=at):
        if licence.payment_intent != payment.id:  # Given up before, and answered after all.
            payload = {"licence_id": str(licence.id), "payment_intent": payment.id}
            outbox.enqueue(topic="licence.void", payload=payload, at=at)
        return licence
    licences.authorised(
        licence,
        payment_intent=payment.id,
        charge=payment.charge,
        capture_before=payment.capture_before or at,
        at=at,
    )
    books.record(
        entries.authorisation(
            licence_id=licence.id, amount_minor=licence.amount_minor, currency=licence.currency
        ),
        at=at,
    )
    return licence


@use_case
def _authorisation_refused(*, attempt: PaymentAttempt, code: str, at: datetime) -> None:
    licence = licences.lock(licence_id=attempt.licence_id)
    if attempts.refused(attempt, code=code, at=at):
        licences.declined(licence, code=code, at=at)


@use_case
def _authorisation_lost(*, attempt: PaymentAttempt, at: datetime) -> None:
    licence = licences.lock(licence_id=attempt.licence_id)
    if attempts.lost(attempt, at=at):
        licences.declined(licence, code="not-found", at=at)


@use_case
def _open(*, licence_id: UUID, kind: str) -> PaymentAttempt | None:
    return attempts.open_one(licence_id=licence_id, kind=kind)


@use_case
def _begin(
    *, licence_id: UUID, kind: str, when: str, at: datetime
) -> tuple[str, PaymentAttempt] | None:
    """Note the intended call, unless the licence has moved on."""
    licence = licences.lock(licence_id=licence_id)
    if licence.state != when:
        return None
    return licence.payment_intent, attempts.begin(
        kind=kind, licence=licence, amount_minor=licence.amount_minor, at=at
    )


@use_case
def _nothing_held(*, licence_id: UUID, at: datetime) -> bool:
    """Void a licence that no bank ever held money for. Returns whether there is nothing more to do."""
    licence = licences.lock(licence_id=licence_id)
    if licence.state != states.VOID_INTENDED:
        return True
    if licence.payment_intent:
        return False
    licences.voided(licence, at=at, why="nothing-held")
    return True


def _let_go(payment_intent: str, attempt: PaymentAttempt, *, stripe: Stripe, at: datetime) -> None:
    attempt, payment = attempts.carry(
        attempt,
        look_up=lambda _: _if_gone(stripe.payment(payment_intent)),
        call=lambda it: stripe.cancel(key=it.id, payment_intent=payment_intent),
        at=at,
    )
    if payment.state != PaymentState.GONE:
        raise PaymentDiffers(licence_id=attempt.licence_id, payment_intent=payment_intent)
    _released(attempt=attempt, is_expired=False, why="", at=at)


@use_case
def _released(*, attempt: PaymentAttempt, is_expired: bool, why: str, at: datetime) -> None:
    licence = licences.lock(licence_id=attempt.licence_id)
    if is_expired:
        was_open = attempts.refused(attempt, code=why, at=at)
    else:
        was_open = attempts.succeeded(attempt, stripe_id=licence.payment_intent, at=at)
    if not was_open:
        return
    licences.voided(licence, at=at, why=why)
    books.record(
        entries.release(
            licence_id=licence.id,
            amount_minor=licence.amount_minor,
            currency=licence.currency,
            is_expired=is_expired,
        ),
        at=at,
    )


@use_case
def _captured(*, attempt: PaymentAttempt, payment: Payment, at: datetime) -> None:
    licence = licences.lock(licence_id=attempt.licence_id)
    movement = payment.movement
    parts = parts_of(licence)
    if movement is None or (movement.amount_minor, movement.currency) != (
        parts.total_minor,
        parts.currency,
    ):
        raise PaymentDiffers(licence_id=licence.id, payment_intent=payment.id)
    if not attempts.succeeded(attempt, stripe_id=payment.id, at=at):
        return
    licences.captured(licence, charge=payment.charge, at=at)
    books.record(entries.capture(licence_id=licence.id, parts=parts, movement=movement), at=at)
    if licence.state == states.CAPTURED:
        owing.owe(licence, parts, at=at)


def _settle_capture(*, licence_id: UUID, stripe: Stripe, at: datetime) -> bool:
    """Find out whether the money was taken. Returns whether there is anything to give back."""
    facts = _capture_facts(licence_id=licence_id)
    if facts is None:
        return False
    payment_intent, is_booked, attempt = facts
    if is_booked:
        return True
    if attempt is not None and attempts.is_under_way(attempt, at=at):
        raise StillUnderWay(licence_id=licence_id)
    payment = stripe.payment(payment_intent)
    kind = Kind.CAPTURE if payment.state == PaymentState.CAPTURED else Kind.VOID
    begun = _begin(licence_id=licence_id, kind=kind, when=states.REFUND_INTENDED, at=at)
    if begun is None:
        return False
    if payment.state == PaymentState.CAPTURED:
        _captured(attempt=begun[1], payment=payment, at=at)
        return True
    if attempt is not None:
        _give_up(attempt=attempt, at=at)
    _let_go(*begun, stripe=stripe, at=at)
    return False


@use_case
def _capture_facts(*, licence_id: UUID) -> tuple[str, bool, PaymentAttempt | None] | None:
    licence = licences.lock(licence_id=licence_id)
    if licence.state != states.REFUND_INTENDED:
        return None
    attempt = attempts.open_one(licence_id=licence_id, kind=Kind.CAPTURE)
    return licence.payment_intent, licence.captured_at is not None, attempt


@use_case
def _give_up(*, attempt: PaymentAttempt, at: datetime) -> None:
    attempts.lost(attempt, at=at)


@use_case
def _begin_refund(*, licence_id: UUID, at: datetime) -> tuple[str, PaymentAttempt] | None:
    """Stop what is not sent, and note the refund. A transfer that may be on its way comes first."""
    licence = licences.lock(licence_id=licence_id)
    if licence.state != states.REFUND_INTENDED:
        return None
    payouts = Payout.objects.select_for_update().filter(licence=licence).order_by("id")
    owed = [payout for payout in payouts if payout.state == Payout.State.OWED]
    is_sending = PaymentAttempt.objects.filter(
        payout__in=owed, kind=Kind.TRANSFER, state="open"
    ).exists()
    if is_sending:
        raise StillUnderWay(licence_id=licence_id)
    for payout in owed:
        owing.move(payout, Payout.State.CANCELLED, at=at)
    return licence.payment_intent, attempts.begin(
        kind=Kind.REFUND, licence=licence, amount_minor=licence.amount_minor, at=at
    )


@use_case
def _refunded(*, attempt: PaymentAttempt, done: Done, at: datetime) -> None:
    licence = licences.lock(licence_id=attempt.licence_id)
    if not attempts.succeeded(attempt, stripe_id=done.id, at=at):
        return
    licences.refunded(licence, at=at)
    sent = list(
        Payout.objects.select_for_update()
        .filter(licence=licence, state=Payout.State.SENT)
        .order_by("id")
    )
    books.record(
        entries.refund(
            licence_id=licence.id,
            parts=parts_of(licence),
            sent_to=[payout.payee_id for payout in sent],
            movement=done.movement,
        ),
        at=at,
    )
    for payout in sent:
        owing.move(payout, Payout.State.REVERSAL_INTENDED, at=at)
        owing.enqueue(payout, topic="payout.reversal", at=at)


def _if_captured(payment: Payment) -> Payment | None:
    return payment if payment.state == PaymentState.CAPTURED else None


def _if_gone(payment: Payment) -> Payment | None:
    return payment if payment.state == PaymentState.GONE else None
