"""What a render may become, what may be asked for, and whose likeness ends up in it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from ledger.errors import Malformed

CAST_MAX = 8
PROMPT_CHARACTERS_MAX = 4_000
TITLE_CHARACTERS_MAX = 200
SECONDS_MIN = Decimal("0.5")
SIDE_PX_MIN = 270  # In fewer lines the invisible mark cannot always be proved, and so not released.
SEED_MAX = 2**53 - 1  # The largest that canonical JSON writes exactly (RFC 8785).


class State(StrEnum):
    """A render's states: those of its use, refined (ADR 2)."""

    REQUESTED = "requested"
    PAYMENT_PENDING = "payment_pending"
    QUEUED = "queued"
    RENDERING = "rendering"
    SEALING = "sealing"
    APPROVAL_PENDING = "approval_pending"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"
    DENIED = "denied"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Return the states as a Django field wants its choices."""
        return [(state.value, state.value.replace("_", " ")) for state in cls]


_UNFINISHED_ENDS = (State.DENIED, State.CANCELLED, State.FAILED)

# Only these transitions exist; the database's trigger is made from this table.
TRANSITIONS: dict[State, tuple[State, ...]] = {
    State.REQUESTED: (State.PAYMENT_PENDING, State.QUEUED, *_UNFINISHED_ENDS),
    State.PAYMENT_PENDING: (State.QUEUED, *_UNFINISHED_ENDS),
    State.QUEUED: (State.RENDERING, *_UNFINISHED_ENDS),
    State.RENDERING: (State.SEALING, *_UNFINISHED_ENDS),
    State.SEALING: (State.APPROVAL_PENDING, State.RELEASED, *_UNFINISHED_ENDS),
    State.APPROVAL_PENDING: (State.RELEASED, *_UNFINISHED_ENDS),
    State.RELEASED: (State.WITHDRAWN,),
    State.WITHDRAWN: (),
    State.DENIED: (),
    State.CANCELLED: (),
    State.FAILED: (),
}

ENDS = tuple(state for state, targets in TRANSITIONS.items() if not targets)
# A worker may be at it: a new attempt may be made, and beats are answered.
AT_WORK = (State.QUEUED, State.RENDERING)
# Files of these are destroyed: nobody is owed them. A denied draft stays for its subjects.
FILELESS = (State.CANCELLED, State.FAILED)
# Once these are sealed, the worker's unsealed file is of no use to anybody.
SEALED_AT_LAST = (State.DENIED, State.RELEASED, State.WITHDRAWN)


def sources(target: State) -> tuple[State, ...]:
    """Return the states from which `target` can be reached in one transition."""
    return tuple(state for state, targets in TRANSITIONS.items() if target in targets)


class CastInvalid(Malformed):
    code = "cast-invalid"
    title = "A render has 1 to 8 different cameos, and drops only what its parent has."


class SizeInvalid(Malformed):
    code = "size-invalid"
    title = "Width and height must be even and within the service's limits."


class LengthInvalid(Malformed):
    code = "length-invalid"
    title = "The length in seconds is outside the service's limits."


class TextInvalid(Malformed):
    code = "text-invalid"
    title = "The prompt must say something, and texts hold no control characters."


@dataclass(frozen=True)
class Wish:
    """What a requester asks for, as it came in."""

    prompt: str
    title: str
    cast: tuple[UUID, ...]
    drop: tuple[UUID, ...]
    purpose: str
    seconds: Decimal
    width_px: int
    height_px: int
    parent_id: UUID | None
    seed: int


def final_cast(
    *, chosen: Iterable[UUID], inherited: Iterable[UUID], dropped: Iterable[UUID]
) -> tuple[UUID, ...]:
    """Return the cameos that a render has: what it keeps of its parent, then what it adds.

    Raises:
        CastInvalid: nobody or too many are left, one is chosen twice or both chosen and dropped,
            or something is dropped that the parent does not have.

    Source: the words `cast` and `drop` of consent.md, §1 and §5.
    """
    adds, keeps, drops = list(chosen), list(inherited), set(dropped)
    if len(set(adds)) != len(adds) or drops & set(adds) or drops - set(keeps):
        raise CastInvalid(limit=CAST_MAX)
    cast = tuple(dict.fromkeys([*(one for one in keeps if one not in drops), *adds]))
    if not 1 <= len(cast) <= CAST_MAX:
        raise CastInvalid(count=len(cast), limit=CAST_MAX)
    return cast


def check_wish(wish: Wish, *, seconds_max: int, side_px_max: int) -> None:
    """Raise what is wrong with the size, length and texts that are asked for.

    Raises:
        SizeInvalid, LengthInvalid, TextInvalid
    """
    for side_px in (wish.width_px, wish.height_px):
        if not SIDE_PX_MIN <= side_px <= side_px_max or side_px % 2:
            raise SizeInvalid(min_px=SIDE_PX_MIN, max_px=side_px_max)
    if not SECONDS_MIN <= wish.seconds <= seconds_max:
        raise LengthInvalid(min_seconds=str(SECONDS_MIN), max_seconds=seconds_max)
    if not wish.prompt.strip() or len(wish.prompt) > PROMPT_CHARACTERS_MAX:
        raise TextInvalid(field="prompt", limit=PROMPT_CHARACTERS_MAX)
    if len(wish.title) > TITLE_CHARACTERS_MAX:
        raise TextInvalid(field="title", limit=TITLE_CHARACTERS_MAX)
    for field, text in (("prompt", wish.prompt), ("title", wish.title)):
        if any(unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t" for one in text):
            raise TextInvalid(field=field)


def may_see_draft(
    *, state: State, person_id: UUID, requester_id: UUID, subject_ids: Sequence[UUID]
) -> bool:
    """Return whether a co-owner may see the file of a render that is not released.

    While it waits for approval each co-owner may. Once denied, only the people in it, and not the
    requester, even if they are in it too: the refusal is of this use by this person.

    Source: consent.md, §5 and §8, case 2.
    """
    if state == State.APPROVAL_PENDING:
        return person_id == requester_id or person_id in subject_ids
    return state == State.DENIED and person_id in subject_ids and person_id != requester_id


# What a worker says went wrong that another attempt would meet again.
PERMANENT_FAILURES = frozenset(
    {
        "job-malformed",
        "backend-unknown",
        "permit-job-mismatch",
        "permit-too-long",
        "permit-too-large",
        "permit-territory",
    }
)


def wants_another_attempt(*, code: str, number: int, attempts_max: int) -> bool:
    """Return whether a render whose attempt `number` (from 1) ended with `code` is tried again."""
    return number < attempts_max and code not in PERMANENT_FAILURES


def needless_files(*, state: State, output: str, sealed: str) -> tuple[str, ...]:
    """Return which of a render's files nobody is owed any more. Empty names are no files."""
    if state in FILELESS:
        return tuple(name for name in (output, sealed) if name)
    return (output,) if output and sealed and state in SEALED_AT_LAST else ()
