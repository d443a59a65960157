"""Whose is this file? By its bytes, its manifest, its invisible mark, its looks: each on its own.

Found by mark or fingerprint alone counts, and says so. What the bindings say is kept apart from what
the ledger says now: a whole manifest from last year says nothing about consent today.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from ledger.db import forbid_open_transaction
from provenance.lookup import queries
from provenance.lookup.errors import FileUnknown, LookupBusy
from provenance.marks import detection, fingerprints, keys, reading
from provenance.marks import queries as marks
from provenance.seals import queries as seals
from provenance.seals.verification import SealReport, SealState, verify

logger = structlog.get_logger(__name__)

AT_ONCE_MAX: Final = 2  # Files being read at the same time, in one process.
WAIT_S: Final = 5.0
READ_SECONDS_MAX: Final = 60.0
_places = threading.BoundedSemaphore(AT_ONCE_MAX)


@dataclass(frozen=True)
class MarkFound:
    """What the invisible mark said. `use_id` is None for a proved mark whose use is not known here."""

    detected: detection.Detected
    use_id: UUID | None


@dataclass(frozen=True)
class Looks:
    """What the video looks like, and which registered videos look so too, nearest first."""

    fingerprint: fingerprints.Fingerprint
    matches: tuple[marks.Match, ...]


@dataclass(frozen=True)
class Identification:
    """All that was found in one file, and what the ledger says now of the use that it led to."""

    sha256: str
    size_bytes: int
    file_use_id: UUID | None  # Of the sealed file with exactly these bytes.
    seal: SealReport
    manifest_use_id: UUID | None  # Of a whole manifest that we signed.
    video: reading.Reading | None
    mark: MarkFound | None
    looks: Looks | None
    standing: queries.Standing | None

    @property
    def claims(self) -> dict[str, UUID]:
        """The use that each binding names, the surest first."""
        named = {
            "file": self.file_use_id,
            "manifest": self.manifest_use_id,
            "mark": self.mark.use_id if self.mark else None,
            "fingerprint": self.looks.matches[0].use_id
            if self.looks and self.looks.matches
            else None,
        }
        return {binding: use_id for binding, use_id in named.items() if use_id is not None}

    @property
    def use_id(self) -> UUID | None:
        """The use that the surest binding names."""
        return next(iter(self.claims.values()), None)

    @property
    def is_consistent(self) -> bool:
        """Whether all bindings that name a use name the same one."""
        return len(set(self.claims.values())) <= 1


def identify(path: Path, *, at: datetime) -> Identification:
    """Look a file up by every binding. No transaction may be open: a video takes seconds to read.

    Raises:
        FileUnknown: it is neither a readable video, nor sealed, nor known by its bytes.
        LookupBusy: too many are being read.
        reading.VideoTooLarge, reading.DecoderTimedOut: its pictures cannot be read here.
    """
    forbid_open_transaction()
    with _place():
        seal = verify(path)
        video = _read(path)
    exact = seals.by_file(seal.sha256)
    if video is None and exact is None and seal.state is SealState.NONE:
        raise FileUnknown
    found = Identification(
        sha256=seal.sha256.hex(),
        size_bytes=seal.size_bytes,
        file_use_id=exact.use_id if exact else None,
        seal=seal,
        manifest_use_id=_use_of_manifest(seal),
        video=video,
        mark=_mark(video) if video else None,
        looks=_looks(video) if video else None,
        standing=None,
    )
    logger.info(
        "file.looked_up", use_id=found.use_id, found_by=list(found.claims), seal=seal.state.value
    )
    return _with_standing(found, at=at)


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(timeout=WAIT_S):
        raise LookupBusy(at_once_max=AT_ONCE_MAX)
    try:
        yield
    finally:
        _places.release()


def _read(path: Path) -> reading.Reading | None:
    try:
        return reading.read(path, seconds_max=READ_SECONDS_MAX)
    except reading.VideoUnreadable:
        return None


def _use_of_manifest(seal: SealReport) -> UUID | None:
    """Return the use of a manifest that holds for this very content and that we signed."""
    if seal.state is not SealState.TRUSTED:
        return None
    row = seals.by_manifest(seal.manifest_label)
    return row.use_id if row else None


def _mark(video: reading.Reading) -> MarkFound | None:
    detected = detection.detect_in(video, keys=keys.every())
    if detected is None:
        return None
    return MarkFound(detected, marks.use_of_mark(detected.mark_id))


def _looks(video: reading.Reading) -> Looks:
    fingerprint = fingerprints.fingerprint_of(video)
    return Looks(fingerprint, marks.nearest(fingerprint.bits))


def _with_standing(found: Identification, *, at: datetime) -> Identification:
    if found.use_id is None:
        return found
    return replace(found, standing=queries.standing(use_id=found.use_id, at=at))
