"""What consent asks of those who know prohibitions: opt-outs, stay-downs, disputes (ADR 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class ProhibitionQuestion:
    """One use, as far as a prohibition can depend on it."""

    use_id: UUID | None
    purpose: str
    territories: Sequence[str]  # Empty: everywhere.
    texts: Sequence[str]
    parent_id: UUID | None
    cameo_ids: Sequence[UUID]
    requester_id: UUID
    at: datetime


@dataclass(frozen=True)
class Prohibition:
    """One thing that forbids the use. `covers` says what of it: `text`, `parent`, or a cameo's id."""

    code: str
    id: UUID
    covers: str
