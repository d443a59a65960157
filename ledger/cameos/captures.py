"""What a render may know and get of a capture. The caller has decided consent before (ADR 3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ledger.cameos import vault_files
from ledger.cameos.errors import CaptureNotFound
from ledger.cameos.models import Capture, Enrolment


@dataclass(frozen=True)
class CaptureRef:
    """A cameo's living capture. `sha256` is of the recording in clear, 32 bytes.

    From `portrait_starts_s` to `portrait_ends_s` the person faces the camera and speaks, before a
    plain backdrop: the best stretch to show.
    """

    id: UUID
    cameo_id: UUID
    format: str
    sha256: bytes
    size_bytes: int
    seconds: float
    width_px: int
    height_px: int
    fps: float
    has_voice: bool
    portrait_starts_s: float
    portrait_ends_s: float


def for_render(cameo_id: UUID) -> CaptureRef:
    """Return the capture of a cameo's newest verified enrolment. One query.

    Raises:
        CaptureNotFound: none was verified, or it was destroyed.
    """
    return _reference(_living(cameo_id))


def decrypt_to(cameo_id: UUID, target: Path) -> CaptureRef:
    """Write a cameo's capture, in clear, to `target` (0600, whole or not at all).

    The caller deletes it as soon as it was encrypted for its job. Returns what was written.

    Raises:
        CaptureNotFound: none was verified, or it was destroyed.
        CaptureDestroyed: the key is gone.
        CiphertextInvalid: the stored bytes were changed.
    """
    row = _living(cameo_id)
    vault_files.open_to(cameo_id=cameo_id, capture_id=row.id, path=row.path, target=target)
    return _reference(row)


def _living(cameo_id: UUID) -> Capture:
    found = (
        Capture.objects.filter(
            cameo_id=cameo_id,
            destroyed_at=None,
            enrolment__state=Enrolment.State.VERIFIED,
        )
        .order_by("-created_at", "-id")
        .first()
    )
    if found is None:
        raise CaptureNotFound(cameo_id=cameo_id)
    return found


def _reference(row: Capture) -> CaptureRef:
    return CaptureRef(
        id=row.id,
        cameo_id=row.cameo_id,
        format=row.format,
        sha256=bytes(row.sha256),
        size_bytes=row.size_bytes,
        seconds=row.seconds,
        width_px=row.width_px,
        height_px=row.height_px,
        fps=row.fps,
        has_voice=row.has_voice,
        portrait_starts_s=row.portrait_starts_s,
        portrait_ends_s=row.portrait_ends_s,
    )
