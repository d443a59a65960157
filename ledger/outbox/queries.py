"""How much is owed, for whoever watches the service. Nothing asks it by itself yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from ledger.outbox.models import OutboxMessage


@dataclass(frozen=True)
class Owed:
    """`count` messages owed, the oldest due at `oldest_at`; `failed` were given up."""

    count: int
    oldest_at: datetime | None
    failed: int


def owed() -> Owed:
    """Return what is owed now. One query over the partial index."""
    is_owed = Q(done_at=None, failed_at=None)
    row = OutboxMessage.objects.filter(done_at=None).aggregate(
        count=Count("id", filter=is_owed),
        oldest_at=Min("due_at", filter=is_owed),
        failed=Count("id", filter=Q(failed_at__isnull=False)),
    )
    return Owed(**row)
