"""What a report says, as plain values: gathered once, then set as PDF, CSV and JSON. Pure."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Event:
    """One line of the timeline. `log_index` is the entry's place in the log, when it has one yet."""

    at: datetime
    kind: str
    render: str
    person: str
    detail: str
    log_index: int | None


@dataclass(frozen=True)
class DecisionLine:
    """One gate's decision with its reasons."""

    at: datetime
    render: str
    gate: str
    effect: str
    reasons: tuple[str, ...]
    log_index: int | None


@dataclass(frozen=True)
class RenderLine:
    """One render, and what is known of its file."""

    id: str
    title: str
    state: str
    requester: str
    cast: tuple[str, ...]
    parent: str | None
    created_at: datetime
    sha256: str | None
    verified: tuple[str, ...]


@dataclass(frozen=True)
class Branch:
    """One line of the lineage picture: a render, and the rails that pass it on their way down.

    `rails` has one for each generation above: whether that ancestor has further remixes below.
    The last says so of the render itself.
    """

    id: str
    rails: tuple[bool, ...]


def lineage(renders: Sequence[RenderLine]) -> tuple[Branch, ...]:
    """Return the picture's lines: each parent above its remixes, in the order given."""
    known = {render.id for render in renders}
    remixes: dict[str | None, list[str]] = defaultdict(list)
    for render in renders:
        remixes[render.parent if render.parent in known else None].append(render.id)
    lines: list[Branch] = []
    pending: list[tuple[str, tuple[bool, ...]]] = [(root, ()) for root in reversed(remixes[None])]
    while pending:  # Ends: a parent is older than its remixes, so each is reached once.
        identity, rails = pending.pop()
        lines.append(Branch(identity, rails))
        below = remixes[identity]
        pending += [(each, (*rails, each != below[-1])) for each in reversed(below)]
    return tuple(lines)


@dataclass(frozen=True)
class MoneyLine:
    """What one licence came to, in minor units of its currency."""

    render: str
    state: str
    amount_minor: int
    currency: str
    payees: tuple[str, ...]


@dataclass(frozen=True)
class TakedownLine:
    """One case with its clock."""

    reference: str
    regime: str
    state: str
    render: str
    received_at: datetime
    decide_due_at: datetime
    decided_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether the decision came after its deadline."""
        return self.decided_at is not None and self.decided_at > self.decide_due_at


@dataclass(frozen=True)
class Report:
    """One whole report."""

    title: str
    about: str
    built_at: datetime
    is_redacted: bool
    origin: str
    tree_size: int
    root_hash: str
    renders: tuple[RenderLine, ...]
    events: tuple[Event, ...]
    decisions: tuple[DecisionLine, ...]
    money: tuple[MoneyLine, ...]
    takedowns: tuple[TakedownLine, ...]
    entry_count: int
    notes: tuple[str, ...] = field(default=())


def to_plain(value: Any) -> Any:
    """Return JSON-able data: times as RFC 3339 in UTC, dataclasses as objects."""
    if dataclasses.is_dataclass(value):
        plain = {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if isinstance(value, TakedownLine):
            plain["is_late"] = value.is_late
        if isinstance(value, Report):
            plain["lineage"] = to_plain(lineage(value.renders))
        return plain
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    return value


class Pseudonyms:
    """Names for people in one report: `Person A`, `Person B`, in order of first mention.

    They mean nothing outside that report, so two reports cannot be joined by them.
    """

    def __init__(self) -> None:
        self._given: dict[object, str] = {}

    def of(self, identity: object) -> str:
        """Return the pseudonym of one person."""
        if identity not in self._given:
            self._given[identity] = f"Person {_letters(len(self._given))}"
        return self._given[identity]


def _letters(number: int) -> str:
    letters = ""
    while True:
        letters = chr(ord("A") + number % 26) + letters
        number = number // 26 - 1
        if number < 0:
            return letters
