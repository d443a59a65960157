"""Building reports in the background."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger.errors import CountersignError
from ledger.outbox.tasks import handler
from provenance.reports import actions as reports


@handler
def build(*, at: datetime, report_id: str) -> None:
    """Build one report; what can never be built is marked as failed, with its code."""
    try:
        reports.build(report_id=UUID(report_id), at=at)
    except CountersignError as exc:
        reports.fail(report_id=UUID(report_id), code=exc.code, at=at)
