"""Who is told when a use ends: named in `CONSENT_USE_OBSERVERS`, called in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from ledger.db import step


@dataclass(frozen=True)
class UseChange:
    """A use came to an end: `state` is denied, cancelled, failed or withdrawn; `code` says why."""

    use_id: UUID
    state: str
    code: str
    at: datetime


@step
def tell(change: UseChange) -> None:
    """Call every observer, in the order of the setting. One that raises undoes the whole change."""
    for name in settings.CONSENT_USE_OBSERVERS:
        import_string(name)(change)
