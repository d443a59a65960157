"""What follows a tightening: open work that would be denied now is ended, without waiting for its gate.

This is a courtesy that saves work; the promise rests on RELEASE alone (ADR 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import OperationalError

from ledger.consent import rechecks, uses
from ledger.consent.models import Use
from ledger.outbox.tasks import Later, handler

logger = structlog.get_logger(__name__)

BATCH = 200


@handler
def recheck(*, at: datetime, cameo_ids: Sequence[str], after: str = "") -> None:
    """Decide every open use of these cameos again, and end those that are denied now."""
    found = (
        Use.objects.filter(cast__cameo_id__in=[UUID(each) for each in cameo_ids])
        .filter(state__in=Use.OPEN)
        .order_by("id")
        .values_list("id", flat=True)
        .distinct()
    )
    failed = 0
    for use_id in found.iterator(chunk_size=BATCH):
        try:
            rechecks.recheck(use_id=use_id, at=at)
        except OperationalError:  # A lock or statement time-out: this use is tried again.
            logger.warning("consent.recheck_waits", use_id=str(use_id))
            failed += 1
    if failed:
        raise Later(1.0)


@handler
def close_approvals(*, at: datetime) -> None:
    """End drafts that nobody answered in seven days: no answer is a refusal."""
    rechecks.close_unanswered(before=at - uses.APPROVAL_PERIOD, at=at)
