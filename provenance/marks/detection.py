"""Finding the invisible mark in a file, without its original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gpu_worker.contract import mark
from provenance.marks import reading, search

ALGORITHM: Final = "org.countersign.mark.v1"  # As a C2PA soft binding names it.


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
    confidence: float  # Mean agreement of the soft bits with the code word, 0 to 1.
    scale: (
        float  # Of what is left of the frame: 1 means neither cropped nor unlike its first shape.
    )
    shift: tuple[float, float]  # Chips to the right and down, modulo 64.


def detect(path: Path, *, keys: Sequence[MarkKey], seconds_max: float = 20.0) -> Detected | None:
    """Return the mark in a video file, or None: it never guesses.

    Raises:
        reading.VideoUnreadable, reading.VideoTooLarge, reading.DecoderTimedOut: see `reading.read`.
    """
    return detect_in(reading.read(path, seconds_max=seconds_max), keys=keys)


def detect_in(video: reading.Reading, *, keys: Sequence[MarkKey]) -> Detected | None:
    """Return the mark in a video that was read, or None. Newest key first; under a second a key.

    A wrong answer needs a MAC of 24 bits to hold by chance in one of at most 16 tries a key.
    """
    shorter = min(video.width_px, video.height_px)
    likely = tuple({float(mark.CHIPS_ACROSS_MAX), shorter / mark.CHIP_PX_MIN})
    for key in sorted(keys, key=lambda one: -one.version):
        found = search.find(
            video.residuals, likely=likely, pattern_key=key.pattern_key, mac_key=key.mac_key
        )
        if found is not None:
            return Detected(
                payload=found.payload,
                mark_id=found.payload >> mark.MAC_BITS,
                key_version=key.version,
                confidence=found.confidence,
                scale=found.chips_across
                / min(likely, key=lambda size: abs(size - found.chips_across)),
                shift=found.shift_chips,
            )
    return None
