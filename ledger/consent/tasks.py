"""What follows a tightening: open work that would be denied now is ended, without waiting for its gate.

This is a courtesy that saves work; the promise rests on RELEASE alone (ADR 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import OperationalError

from ledger.consent import rechecks, uses, withdrawals
from ledger.consent.models import Use
from ledger.outbox.tasks import Later, handler

logger = structlog.get_logger(__name__)

BATCH = 200
CHUNKS_AT_ONCE_MAX = 20  # Of an act: then others get their turn.


@handler
def recheck(*, at: datetime, cameo_ids: Sequence[str], after: str = "") -> None:
    """Decide open uses of these cameos again, and end those that are denied now.

    `BATCH` at a time, by id: a further message carries the rest.
    """
    found = Use.objects.filter(
        cast__cameo_id__in=[UUID(each) for each in cameo_ids], state__in=Use.OPEN
    )
    if after:
        found = found.filter(id__gt=UUID(after))
    batch = list(found.order_by("id").values_list("id", flat=True).distinct()[:BATCH])
    waiting, broken = 0, None
    for use_id in batch:
        try:
            rechecks.recheck(use_id=use_id, at=at)
        except OperationalError:  # A lock or statement time-out: this use is tried again.
            logger.warning("consent.recheck_waits", use_id=str(use_id))
            waiting += 1
        except Exception as exc:  # One that breaks must not hold up the rest; raised below.
            logger.exception("consent.recheck_broke", use_id=str(use_id))
            broken = exc
    if broken is not None:
        raise broken
    if waiting:
        raise Later(1.0)
    if len(batch) == BATCH:
        rechecks.go_on(cameo_ids=cameo_ids, after=batch[-1], at=at)


@handler
def close_approvals(*, at: datetime) -> None:
    """End drafts that nobody answered in seven days: no answer is a refusal."""
    rechecks.close_unanswered(before=at - uses.APPROVAL_PERIOD, at=at)


@handler
def carry_act(
    *,
    at: datetime,
    root_ids: Sequence[str],
    kind: str,
    cameo_ids: Sequence[str],
    code: str,
    by_id: str,
) -> None:
    """Carry a large act on, chunk by chunk, until nothing is left of it."""
    act = withdrawals.Act(
        kind=kind,
        cameo_ids=frozenset(map(UUID, cameo_ids)),
        code=code,
        by_id=UUID(by_id) if by_id else None,
    )
    for _ in range(CHUNKS_AT_ONCE_MAX):
        if withdrawals.carry_some([UUID(each) for each in root_ids], act, at=at) == 0:
            return
    raise Later(0.1)
