"""Finding the invisible mark in a file, without its original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MarkKey:
    """One version of the service's mark key. Only `pattern_key` is told to workers."""

    version: int
    pattern_key: bytes
    mac_key: bytes


@dataclass(frozen=True)
class Detected:
    """A mark that was found, and proved by its MAC."""

    payload: int
    mark_id: int
    key_version: int
    confidence: float
    scale: float
    shift: tuple[int, int]


def detect(path: Path, *, keys: Sequence[MarkKey], seconds_max: float = 20.0) -> Detected | None:
    """Return the mark in a video file, or None: it never guesses."""
    raise FileNotFoundError(path)
