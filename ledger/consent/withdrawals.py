"""Ending what was made: work in flight, remixing of it, and the released thing itself.

An *act* is `stop` (work in flight is cancelled), `freeze` (also: what exists can't be remixed any more) or
`remove` (also: what exists is withdrawn, with each descendant that contains the likeness; a descendant
without it stays, and keeps a tombstone in its lineage). Remixes in flight of what is frozen or removed
are cancelled.

Up to `AT_ONCE_MAX` uses end in the transaction that decided it; beyond that the outbox carries the act in
chunks of `CHUNK`. What is named, and up to `AT_ONCE_MAX` roots that are still in flight, end at once even
then, and the other roots are locked against remix, so no RELEASE behind the act's commit passes it by.
No remix of a removed or frozen use is permitted any more, so the set of what is left only shrinks.

Locks: every use that may end, exclusive, in one statement with the caller's others; for a large act
instead the prohibitions, which every gate holds shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ledger import db
from ledger.consent import gates, queries
from ledger.consent.errors import LineageMoved
from ledger.consent.models import RemixLock, Revocation, Use, UseCast
from ledger.consent.owners import tell_co_owners
from ledger.db import step, use_case
from ledger.log import actions as log
from ledger.outbox import actions as outbox

TOPIC = "consent.act"
AT_ONCE_MAX = 200
CHUNK = 100
ROOTS_A_MESSAGE = 500

STOP, FREEZE, REMOVE = (act.value for act in Revocation.Act)


@dataclass(frozen=True)
class Act:
    """What to do to uses and their descendants, on whose behalf, and the code that says why.

    `cameo_ids` are the likenesses that make a descendant go with what is removed.
    """

    kind: str
    cameo_ids: frozenset[UUID]
    code: str
    by_id: UUID | None


@dataclass(frozen=True)
class Done:
    """What an act did. `is_complete` is false when the outbox carries the rest."""

    cancelled: tuple[UUID, ...] = ()
    withdrawn: tuple[UUID, ...] = ()
    frozen: int = 0
    is_complete: bool = True


@dataclass(frozen=True)
class Roots:
    """The uses that an act starts from, and those locked. `is_locked`: all, with what descends."""

    ids: tuple[UUID, ...]
    is_locked: bool
    locked: frozenset[UUID]


@step
def lock(
    roots: Callable[[], Sequence[UUID]],
    *,
    kind: str = REMOVE,
    also: Iterable[db.Key] = (),
    always: Sequence[UUID] = (),
) -> Roots:
    """Lock what an act touches, exclusive, in one statement. Returns the roots as they stand locked.

    Above `AT_ONCE_MAX` uses only `also`, `always`, roots in flight and the prohibitions are locked, and
    `carry` leaves the rest of the act to the outbox.

    Args:
        roots: reads the ids of the uses that the act starts from; asked before and after locking.
        always: uses to lock even then.

    Raises:
        LineageMoved: there was something new between reading and locking; nothing is done yet.
    """
    named = tuple(roots())
    before = _touched(named, kind)
    is_small = len(before) <= AT_ONCE_MAX
    locked = frozenset({*always, *(before if is_small else _in_flight(named))})
    everything = () if is_small else (db.PROHIBITIONS,)
    db.lock(exclusive=[*everything, *also, *map(db.use, locked)])
    after = tuple(roots())
    if not (_touched(after, kind) <= before if is_small else _in_flight(after) <= locked):
        raise LineageMoved
    return Roots(after, is_locked=is_small, locked=locked)


@step
def carry(roots: Roots, act: Act, *, at: datetime) -> Done:
    """Do an act to what `lock` locked, descendants included; owe it where it was too much to lock."""
    left = _left_of(roots.ids, act)
    if roots.is_locked:
        return _do([*left, *_left_below(roots.ids, act)], act, at=at)
    done = _do([use_id for use_id in left if use_id in roots.locked], act, at=at)
    if act.kind != STOP:
        done = replace(done, frozen=done.frozen + _freeze(_unfrozen(roots.ids, act), act, at))
    _owe(roots.ids, act, at)
    return replace(done, is_complete=False)


@step
def carry_below(roots: Roots, act: Act, *, at: datetime) -> Done:
    """Do an act to what is made from the roots, and not to themselves; as `carry`."""
    if not roots.is_locked:
        _owe(roots.ids, act, at)
        return Done(is_complete=False)
    return _do(_left_below(roots.ids, act), act, at=at)


@use_case
def carry_some(root_ids: Sequence[UUID], act: Act, *, at: datetime) -> int:
    """Do at most `CHUNK` of what is left of an act. Returns how many; 0 means that it is done."""
    left = _left_of(root_ids, act) or _left_below(root_ids, act)
    chunk = left[:CHUNK]
    db.lock(exclusive=map(db.use, chunk))
    _do(chunk, act, at=at)
    return len(chunk)


def _owe(root_ids: Sequence[UUID], act: Act, at: datetime) -> None:
    for start in range(0, len(root_ids), ROOTS_A_MESSAGE):
        outbox.enqueue(
            topic=TOPIC,
            payload={
                "root_ids": [str(each) for each in root_ids[start : start + ROOTS_A_MESSAGE]],
                "kind": act.kind,
                "cameo_ids": sorted(str(each) for each in act.cameo_ids),
                "code": act.code,
                "by_id": str(act.by_id) if act.by_id else "",
            },
            at=at,
        )


def _do(use_ids: Sequence[UUID], act: Act, *, at: datetime) -> Done:
    """End or freeze each use as its state asks for. An ancestor comes before what descends from it."""
    rows = {row.id: row for row in Use.objects.filter(id__in=use_ids)}
    done = Done()
    to_freeze = []
    for use_id in use_ids:
        use = rows[use_id]
        if use.state in Use.OPEN:
            _end(use, Use.State.CANCELLED, act, at)
            done = replace(done, cancelled=(*done.cancelled, use.id))
        elif use.state == Use.State.RELEASED and act.kind == REMOVE:
            _end(use, Use.State.WITHDRAWN, act, at)
            done = replace(done, withdrawn=(*done.withdrawn, use.id))
        elif use.state == Use.State.RELEASED and act.kind == FREEZE:
            to_freeze.append(use.id)
    return replace(done, frozen=_freeze(to_freeze, act, at))


def _end(use: Use, state: str, act: Act, at: datetime) -> None:
    gates.finish(use, state=state, code=act.code, at=at)
    tell_co_owners(use_id=use.id, kind=f"use.{state}", at=at)


def _freeze(use_ids: Sequence[UUID], act: Act, at: datetime) -> int:
    if act.by_id is None or not use_ids:  # A case withdraws, it never freezes.
        return 0
    rows = RemixLock.objects.bulk_create(
        RemixLock(use_id=use_id, locked_by_id=act.by_id, starts_at=at) for use_id in use_ids
    )
    for start in range(0, len(rows), CHUNK):
        log.stage(
            type="use.remix-locked", at=at, subject_id=act.by_id, rows=rows[start : start + CHUNK]
        )
    return len(rows)


def _touched(root_ids: Sequence[UUID], kind: str) -> set[UUID]:
    """Return every use that an act may end: the roots, and below them unless it is a `stop`."""
    if kind == STOP:
        return set(root_ids)
    return {*root_ids, *queries.descendant_ids(use_ids=root_ids)}


def _in_flight(root_ids: Sequence[UUID]) -> set[UUID]:
    """Return at most `AT_ONCE_MAX` of the roots that are not released yet, by id."""
    rows = Use.objects.filter(id__in=root_ids, state__in=Use.OPEN).order_by("id")
    return set(rows.values_list("id", flat=True)[:AT_ONCE_MAX])


def _unfrozen(root_ids: Sequence[UUID], act: Act) -> list[UUID]:
    """Return the released roots that may still be remixed, as far as this act's person is concerned."""
    left = _left_of(root_ids, replace(act, kind=FREEZE))
    released = Use.objects.filter(id__in=left, state=Use.State.RELEASED)
    return list(released.order_by("id").values_list("id", flat=True))


def _left_of(root_ids: Sequence[UUID], act: Act) -> list[UUID]:
    """Return the roots that still have to be ended or frozen, by id."""
    states = {*Use.OPEN} if act.kind == STOP else {*Use.OPEN, Use.State.RELEASED}
    left = Use.objects.filter(id__in=root_ids, state__in=states)
    if act.kind == FREEZE:
        locked = RemixLock.objects.filter(locked_by_id=act.by_id, ends_at=None)
        left = left.exclude(
            state=Use.State.RELEASED, id__in=locked.filter(use_id__in=root_ids).values("use_id")
        )
    return list(left.order_by("id").values_list("id", flat=True))


def _left_below(root_ids: Sequence[UUID], act: Act) -> list[UUID]:
    """Return what is made from the roots and still has to be ended, by id."""
    return [] if act.kind == STOP else sorted(_below(root_ids, act))


def _below(root_ids: Sequence[UUID], act: Act) -> Iterator[UUID]:
    below = set(queries.descendant_ids(use_ids=root_ids)) - set(root_ids)
    yield from Use.objects.filter(id__in=below, state__in=Use.OPEN).values_list("id", flat=True)
    if act.kind == REMOVE:
        yield from (
            UseCast.objects.filter(
                use_id__in=below, use__state=Use.State.RELEASED, cameo_id__in=act.cameo_ids
            )
            .values_list("use_id", flat=True)
            .distinct()
        )
