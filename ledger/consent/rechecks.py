"""Deciding open work again, outside its own gates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from ledger.cameos import epochs
from ledger.consent import gates
from ledger.consent.models import Use
from ledger.db import use_case
from ledger.outbox import actions as outbox

CLOSED_AT_ONCE_MAX = 500


@use_case
def recheck(*, use_id: UUID, at: datetime) -> bool:
    """End an open use that would be denied now, as `cancelled`. Returns whether it was ended."""
    use, is_permitted = gates.still_permitted(use_id=use_id, at=at)
    if is_permitted or use.state not in Use.OPEN:
        return False
    gates.finish(use, state=Use.State.CANCELLED, code="consent-withdrawn", at=at)
    return True


@use_case
def go_on(*, cameo_ids: Sequence[str], after: UUID, at: datetime) -> None:
    """Owe the check of the open uses behind `after`."""
    payload = {"cameo_ids": list(cameo_ids), "after": str(after)}
    outbox.enqueue(topic=epochs.TOPIC, payload=payload, at=at)


def close_unanswered(*, before: datetime, at: datetime) -> int:
    """Refuse drafts whose owners were asked before `before` and did not answer. Returns how many."""
    waiting = (
        Use.objects.filter(state=Use.State.DISPATCHED, approval_asked_at__lt=before)
        .order_by("id")
        .values_list("id", flat=True)[:CLOSED_AT_ONCE_MAX]
    )
    return sum(_close(use_id=use_id, at=at) for use_id in list(waiting))


@use_case
def _close(*, use_id: UUID, at: datetime) -> bool:
    return gates.end(use_id=use_id, state=Use.State.CANCELLED, code="draft-unanswered", at=at)
