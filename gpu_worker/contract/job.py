"""What a worker is asked to make: plain data, without captures and without keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from gpu_worker.contract import canonical, reading
from gpu_worker.contract.errors import JobMalformed

CAST_MAX = 8
SECONDS_MAX = 120.0
SIDE_PX_MIN, SIDE_PX_MAX = 64, 3840
FPS_MAX = 60
PROMPT_LENGTH_MAX = 4_000
TITLE_LENGTH_MAX = 200
MARK_TEXT_LENGTH_MAX = 64
NAME_LENGTH_MAX = 80
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
WORD = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
TERRITORY = re.compile(r"[A-Z]{2}")
TERRITORIES_MAX = 250
PREFERENCES_SIZE_BYTES_MAX = 4_096


@dataclass(frozen=True)
class CastMember:
    """One person to be shown, under a reference that means nothing outside this render.

    `name` is what a caption may say; empty means nothing is said. `preferences` are the cameo's
    (pronouns, clothing, restrictions): fields of the plan, never pasted into the prompt. A member
    `in_parent` is already in the parent's picture: no capture of theirs is fetched.
    """

    cameo_ref: str
    epoch: int
    name: str = ""
    preferences: Mapping[str, Any] = field(default_factory=dict)
    in_parent: bool = False


@dataclass(frozen=True)
class Job:
    """One attempt at one render.

    `parent_sha256` is the parent's released file, for a remix; None where there is no parent, and also
    where somebody of the parent's cast is not in this cast: then none of its picture may be used.
    `territories` (ISO 3166-1 alpha-2; empty is everywhere) is where the result is to be shown.
    """

    render_id: UUID
    attempt_id: UUID
    prompt: str
    title: str
    seconds: float
    fps: int
    width_px: int
    height_px: int
    seed: int
    backend: str
    purpose: str
    mark_text: str
    cast: tuple[CastMember, ...]
    parent_sha256: str | None = None
    territories: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames the result has."""
        return max(1, round(self.seconds * self.fps))

    @property
    def has_parent(self) -> bool:
        """Whether the parent's released file is to be fetched."""
        return self.parent_sha256 is not None


def to_plain(job: Job) -> dict[str, Any]:
    """Return the job as plain JSON data, as it travels and as it is hashed."""
    return {
        **asdict(job),
        "v": 1,
        "render_id": str(job.render_id),
        "attempt_id": str(job.attempt_id),
        "cast": [asdict(member) for member in job.cast],
        "territories": list(job.territories),
    }


def sha256(job: Job) -> str:
    """Return SHA-256 of the job's canonical JSON, in hexadecimal. The permit carries it."""
    return canonical.sha256(to_plain(job))


def from_plain(value: Any) -> Job:
    """Return the job that plain JSON data describes, with every bound checked.

    Raises:
        JobMalformed: an unknown or missing name, a wrong type, or a value out of bounds.
    """
    try:
        return _read(value)
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise JobMalformed(what=str(exc)[:40]) from exc


def _read(value: Any) -> Job:
    names = ("v", *Job.__dataclass_fields__)
    row = reading.record(value, names=names)
    reading.integer(row["v"], low=1, high=1)
    cast = tuple(_member(item) for item in reading.items(row["cast"], count_max=CAST_MAX))
    if len({member.cameo_ref for member in cast}) != len(cast):
        raise ValueError("cast")
    parent = row["parent_sha256"]
    if parent is None and any(member.in_parent for member in cast):
        raise ValueError("in_parent")
    return Job(
        render_id=_identity(row["render_id"]),
        attempt_id=_identity(row["attempt_id"]),
        prompt=reading.text(row["prompt"], length_max=PROMPT_LENGTH_MAX),
        title=reading.text(row["title"], length_max=TITLE_LENGTH_MAX),
        seconds=reading.number(row["seconds"], low=0.1, high=SECONDS_MAX),
        fps=reading.integer(row["fps"], low=1, high=FPS_MAX),
        width_px=_side(row["width_px"]),
        height_px=_side(row["height_px"]),
        seed=reading.integer(row["seed"], low=0, high=reading.INTEGER_MAX),
        backend=reading.text(row["backend"], length_max=40, pattern=WORD),
        purpose=reading.text(row["purpose"], length_max=40, pattern=WORD),
        mark_text=reading.text(row["mark_text"], length_max=MARK_TEXT_LENGTH_MAX),
        cast=cast,
        parent_sha256=None
        if parent is None
        else reading.text(parent, length_max=64, pattern=reading.SHA256),
        territories=_territories(row["territories"]),
    )


def _member(value: Any) -> CastMember:
    row = reading.record(value, names=tuple(CastMember.__dataclass_fields__))
    preferences, in_parent = row["preferences"], row["in_parent"]
    if not isinstance(preferences, dict) or not isinstance(in_parent, bool):
        raise TypeError("cast")
    if len(canonical.dump(preferences)) > PREFERENCES_SIZE_BYTES_MAX:
        raise ValueError("preferences")
    return CastMember(
        cameo_ref=reading.text(row["cameo_ref"], length_max=64, pattern=REFERENCE),
        epoch=reading.integer(row["epoch"], low=0, high=reading.INTEGER_MAX),
        name=reading.text(row["name"], length_max=NAME_LENGTH_MAX),
        preferences=preferences,
        in_parent=in_parent,
    )


def _side(value: Any) -> int:
    """Return a side in pixels. H.264 with 4:2:0 colour needs even ones."""
    side = reading.integer(value, low=SIDE_PX_MIN, high=SIDE_PX_MAX)
    if side % 2:
        raise ValueError("odd side")
    return side


def _territories(value: Any) -> tuple[str, ...]:
    rows = reading.items(value, count_max=TERRITORIES_MAX)
    return tuple(reading.text(row, length_max=2, pattern=TERRITORY) for row in rows)


def _identity(value: Any) -> UUID:
    return UUID(reading.text(value, length_max=36, pattern=reading.IDENTITY))
