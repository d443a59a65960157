"""Holds: stops that stand above everything, on a cameo or on one use."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger import db
from ledger.cameos import epochs
from ledger.consent.errors import HoldNotFound
from ledger.consent.models import Hold
from ledger.db import step
from ledger.log import actions as log


@step
def place(
    *,
    ground: str,
    case_id: UUID | None,
    at: datetime,
    use_id: UUID | None = None,
    cameo_id: UUID | None = None,
) -> Hold:
    """Hold one cameo or one use from `at` on: nothing of it is shown, made or remixed."""
    db.lock(exclusive=[db.cameo(cameo_id) if cameo_id else db.use(use_id or UUID(int=0))])
    hold = Hold.objects.create(
        use_id=use_id, cameo_id=cameo_id, ground=ground, case_id=case_id, starts_at=at
    )
    log.stage(type="hold.placed", at=at, subject_id=None, rows=[hold], public={"ground": ground})
    if cameo_id is not None:
        epochs.tighten(cameo_ids=[cameo_id], cause="hold.placed", at=at)
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
