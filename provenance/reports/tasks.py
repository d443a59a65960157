"""Building reports in the background."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger.errors import CountersignError, Unavailable
from ledger.outbox.actions import ATTEMPTS_MAX
from ledger.outbox.models import OutboxMessage
from ledger.outbox.tasks import Later, handler
from provenance.reports import actions as reports

BROKE = "report-broke"


@handler
def build(*, at: datetime, report_id: str, message_id: UUID) -> None:
    """Build one report; what can never be built is marked as failed, with its code."""
    try:
        reports.build(report_id=UUID(report_id), at=at)
    except Later:
        raise
    except Exception as exc:
        if isinstance(exc, CountersignError) and not isinstance(exc, Unavailable):
            reports.fail(report_id=UUID(report_id), code=exc.code, at=at)
            return
        if _is_last_try(message_id):
            reports.fail(report_id=UUID(report_id), code=BROKE, at=at)
        raise  # The outbox notes it, and tries again while it may.


def _is_last_try(message_id: UUID) -> bool:
    return OutboxMessage.objects.filter(id=message_id, attempts__gte=ATTEMPTS_MAX).exists()
