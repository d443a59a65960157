"""What time alone ends: quotes, authorisations, and answers that never came.

And what time must not end: a call that was decided is owed again when the outbox gave it up, for as long
as the licence waits for it. A bank holds money, or we hold a buyer's, until it is carried.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import Q

from ledger.consent import gates
from ledger.db import step, use_case
from ledger.errors import CountersignError
from ledger.outbox.models import OutboxMessage
from rights.licences import actions as licences
from rights.licences import states
from rights.licences.models import Licence
from rights.settlement import attempts, payments
from rights.settlement.gateway import Stripe
from rights.settlement.models import PaymentAttempt

logger = structlog.get_logger(__name__)

BATCH = 200
OWED_AGAIN_AFTER = timedelta(hours=1)


def sweep(*, stripe: Stripe, at: datetime) -> None:
    """Settle unanswered authorisations, end what ran out, owe again what was given up.

    At most `BATCH` of each, oldest first.

    One that fails is logged and left for the next sweep; the others go on.
    """
    for licence_id in _unanswered(at=at):
        try:
            payments.settle_authorisation(licence_id=licence_id, stripe=stripe, at=at)
        except CountersignError as exc:
            logger.warning("settlement.unsettled", licence_id=str(licence_id), code=exc.code)
    for licence_id in _run_out(at=at):
        try:
            end(licence_id=licence_id, at=at)
        except CountersignError as exc:
            logger.warning("settlement.not_lapsed", licence_id=str(licence_id), code=exc.code)
    for licence_id in _stranded(at=at):
        _owe_again(licence_id=licence_id, at=at)


@use_case
def end(*, licence_id: UUID, at: datetime, is_gone: bool = False) -> None:
    """End the use of a licence that ran out; consent tells the licence, in the same transaction.

    Args:
        is_gone: Stripe says that nothing is held any more, whatever the time.
    """
    licence = Licence.objects.get(id=licence_id)
    if licence.state == states.QUOTED and licence.quote_expires_at <= at:
        gates.end(use_id=licence.use_id, state="cancelled", code="quote-expired", at=at)
        _expire(licence_id=licence_id, at=at)
    elif licence.state == states.AUTHORISED and (is_gone or _is_lapsing(licence, at=at)):
        gates.end(use_id=licence.use_id, state="failed", code="authorisation-lapsed", at=at)


@step
def _expire(*, licence_id: UUID, at: datetime) -> None:
    """Let a quote go whose use had ended, or was released, without it."""
    licence = licences.lock(licence_id=licence_id)
    if licence.state == states.QUOTED:
        licences.expired(licence, at=at)


@use_case
def _owe_again(*, licence_id: UUID, at: datetime) -> None:
    """Owe the call that a licence waits for, unless it moved on or is owed already."""
    licence = licences.lock(licence_id=licence_id)
    topic = licences.CALLS.get(licence.state)
    if topic is None or _is_owed(licence_id, topic, since=at - OWED_AGAIN_AFTER):
        return
    licences.owe_call(licence, at=at)
    logger.warning("settlement.owed_again", licence_id=str(licence_id), topic=topic)


def _is_owed(licence_id: UUID, topic: str, *, since: datetime) -> bool:
    """Return whether a call is owed still, or was given up only just now."""
    rows = OutboxMessage.objects.filter(topic=topic, payload__licence_id=str(licence_id))
    return rows.filter(
        Q(done_at=None, failed_at=None) | Q(created_at__gt=since) | Q(failed_at__gt=since)
    ).exists()


def _stranded(*, at: datetime) -> Sequence[UUID]:
    """Return licences that have waited long for a call."""
    return list(
        Licence.objects.filter(state__in=licences.CALLS, state_at__lte=at - OWED_AGAIN_AFTER)
        .order_by("state_at")
        .values_list("id", flat=True)[:BATCH]
    )


def _is_lapsing(licence: Licence, *, at: datetime) -> bool:
    limit = licence.capture_before
    return limit is not None and limit <= at + licences.LAPSE_MARGIN


def _unanswered(*, at: datetime) -> Sequence[UUID]:
    return list(
        PaymentAttempt.objects.filter(
            kind=PaymentAttempt.Kind.AUTHORISE,
            state=PaymentAttempt.State.OPEN,
            called_at__lte=at - attempts.CALL_TAKES_AT_MOST,
        )
        .order_by("called_at")
        .values_list("licence_id", flat=True)[:BATCH]
    )


def _run_out(*, at: datetime) -> Sequence[UUID]:
    return list(
        Licence.objects.filter(
            Q(state=states.QUOTED, quote_expires_at__lte=at)
            | Q(state=states.AUTHORISED, capture_before__lte=at + licences.LAPSE_MARGIN)
        )
        .order_by("state_at")
        .values_list("id", flat=True)[:BATCH]
    )
