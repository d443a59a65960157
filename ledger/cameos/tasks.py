"""What the clock does to cameos."""

from __future__ import annotations

from datetime import datetime

from ledger.cameos import actions as cameos
from ledger.outbox.tasks import handler


@handler
def destroy_due(*, at: datetime) -> None:
    """Destroy the likenesses whose destruction date has come. Safe to repeat."""
    cameos.purge_due(at=at)
