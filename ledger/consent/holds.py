"""Holds: stops that stand above everything, on a cameo or on one use."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger import db
from ledger.cameos import epochs
from ledger.consent import queries
from ledger.consent.errors import HoldNotFound
from ledger.consent.models import Hold, Use, UseCast
from ledger.db import step
from ledger.log import actions as log
from ledger.outbox import actions as outbox


@step
def place(
    *,
    ground: str,
    case_id: UUID | None,
    at: datetime,
    use_id: UUID | None = None,
    cameo_id: UUID | None = None,
) -> Hold:
    """Hold one cameo or one use from `at` on: nothing of it is shown, made or remixed.

    Work in flight that rests on it is decided again, and cancelled.
    """
    db.lock(exclusive=[db.cameo(cameo_id) if cameo_id else db.use(use_id or UUID(int=0))])
    hold = Hold.objects.create(
        use_id=use_id, cameo_id=cameo_id, ground=ground, case_id=case_id, starts_at=at
    )
    log.stage(type="hold.placed", at=at, subject_id=None, rows=[hold], public={"ground": ground})
    if cameo_id is not None:
        epochs.tighten(cameo_ids=[cameo_id], cause="hold.placed", at=at)
    elif use_id is not None:
        _recheck_below(use_id, at=at)
    return hold


@step
def lift(*, hold_id: UUID, at: datetime) -> Hold:
    """End a hold.

    Raises:
        HoldNotFound: there is none in force with that id.
    """
    on = Hold.objects.filter(id=hold_id).values("cameo_id", "use_id").first()
    if on is None:
        raise HoldNotFound(hold_id=hold_id)
    db.lock(exclusive=[db.cameo(on["cameo_id"]) if on["cameo_id"] else db.use(on["use_id"])])
    hold = Hold.objects.filter(id=hold_id, ends_at=None).first()
    if hold is None:
        raise HoldNotFound(hold_id=hold_id)
    hold.ends_at = at
    hold.save(update_fields=["ends_at"])
    log.stage(type="hold.lifted", at=at, subject_id=None, rows=[hold])
    return hold


def _recheck_below(use_id: UUID, *, at: datetime) -> None:
    """Owe the check of open uses that are, or descend from, a use that was held."""
    tree = queries.descendant_ids(use_ids=[use_id])
    rows = UseCast.objects.filter(use_id__in=tree, use__state__in=Use.OPEN)
    cameo_ids = sorted({str(each) for each in rows.values_list("cameo_id", flat=True)})
    if cameo_ids:
        outbox.enqueue(topic=epochs.TOPIC, payload={"cameo_ids": cameo_ids}, at=at)
