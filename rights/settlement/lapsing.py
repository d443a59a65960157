"""What time alone ends: quotes, authorisations, and answers that never came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import Q

from ledger.consent import gates
from ledger.db import step, use_case
from ledger.errors import CountersignError
from rights.licences import actions as licences
from rights.licences import states
from rights.licences.models import Licence
from rights.settlement import attempts, payments
from rights.settlement.gateway import Stripe
from rights.settlement.models import PaymentAttempt

logger = structlog.get_logger(__name__)

BATCH = 200


def sweep(*, stripe: Stripe, at: datetime) -> None:
    """Settle unanswered authorisations, end what ran out. At most `BATCH` of each, oldest first.

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
