"""Reading the log's rows."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from ledger.log.models import Entry


def leaf_index(entry_id: UUID) -> int | None:
    """Return the entry's place in the log; None while it is staged, or when there is none."""
    return Entry.objects.filter(id=entry_id).values_list("leaf_index", flat=True).first()


def leaf_indexes(entry_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the place of each entry that has one. One query."""
    return dict(Entry.objects.filter(id__in=list(entry_ids)).values_list("id", "leaf_index"))


def is_sequenced(entry_id: UUID) -> bool:
    """Return whether the entry has its place in the log, under a signed checkpoint."""
    return Entry.objects.filter(id=entry_id).exists()
