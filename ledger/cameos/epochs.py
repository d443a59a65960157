"""Epochs: the counter on each cameo that every tightening raises (ADR 3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F

from ledger import db
from ledger.cameos.models import Cameo
from ledger.db import step
from ledger.log import actions as log
from ledger.outbox import actions as outbox

TOPIC = "consent.tightened"


@step
def tighten(*, cameo_ids: Iterable[UUID], cause: str, at: datetime) -> None:
    """Raise the epoch of each cameo, and owe the check of every open use of it.

    The caller holds each cameo's exclusive lock already; where it holds other locks without these,
    `db.LockedTooLate` says so instead of a decision racing past. A cameo that is not there is
    passed over, and no cameo at all does nothing.

    Args:
        cause: what tightened, as an event's name: `grant.revoked`, say. Kept in the record only.
    """
    ids = sorted(set(cameo_ids))
    if not ids:
        return
    db.lock(exclusive=[db.cameo(cameo_id) for cameo_id in ids])
    Cameo.objects.filter(id__in=ids).update(epoch=F("epoch") + 1)
    tightened = list(Cameo.objects.filter(id__in=ids).order_by("id"))
    for cameo in tightened:
        log.stage(
            type="cameo.tightened",
            at=at,
            subject_id=cameo.owner_id,
            rows=[cameo],
            details={"cause": cause},
        )
    if tightened:
        payload = {"cameo_ids": [str(cameo.id) for cameo in tightened]}
        outbox.enqueue(topic=TOPIC, payload=payload, at=at)
