"""The fixed chain around every backend: frames, visible mark, invisible mark, one encode.

No backend can skip a mark: it hands frames to this chain and never sees the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gpu_worker.contract.errors import BackendFailed
from gpu_worker.contract.redemption import Redemption
from gpu_worker.encoding import Mp4Writer
from gpu_worker.marking.invisible import InvisibleMark
from gpu_worker.marking.visible import VisibleMark
from gpu_worker.plans import SAMPLE_RATE_HZ, Batch, Clip, OnStep, Plan
from gpu_worker.stops import Stop

MARKS = ("visible", "invisible")


@dataclass(frozen=True)
class Made:
    """One finished file."""

    path: Path
    sha256: str
    size_bytes: int
    frames: int
    has_audio: bool


def make(
    clip: Clip, *, plan: Plan, mark_text: str, secrets: Redemption, path: Path, encoder: str,
    audio: bool, stop: Stop, on_step: OnStep,
) -> Made:  # fmt: skip
    """Write a clip as a marked MP4 and return what it became.

    Raises:
        Cancelled, WorkerStopped, DeadlinePassed: the work was to stop.
        BackendFailed: frames or sound of another size or number than planned, or the encoder broke.
    """
    visible = VisibleMark(
        text=mark_text, width_px=plan.width_px, height_px=plan.height_px, fps=plan.fps
    )
    invisible = InvisibleMark(
        key=secrets.mark_key,
        payload=int.from_bytes(secrets.mark_payload, "big"),
        width_px=plan.width_px,
        height_px=plan.height_px,
    )
    writer = Mp4Writer(
        path, width_px=plan.width_px, height_px=plan.height_px, fps=plan.fps, encoder=encoder,
        audio=audio, mark_luma=invisible.embed,
    )  # fmt: skip
    with writer:
        for batch in clip.batches():
            _check(batch, plan=plan, audio=audio, written=writer.frames)
            if batch.sound is not None:
                writer.write_sound(batch.sound)
            for frame in batch.frames:
                stop.check()
                writer.write(visible.draw(frame, writer.frames))
            on_step("rendering", writer.frames / plan.frames)
        stop.check()
        if writer.frames != plan.frames:
            raise BackendFailed(frames=writer.frames, frames_planned=plan.frames)
    return Made(path, _sha256(path), path.stat().st_size, writer.frames, audio)


def _check(batch: Batch, *, plan: Plan, audio: bool, written: int) -> None:
    count = batch.frames.shape[0]
    if batch.frames.shape[1:] != (plan.height_px, plan.width_px, 3):
        raise BackendFailed(what="frame-size")
    if written + count > plan.frames:
        raise BackendFailed(what="frame-count")
    if (batch.sound is not None) != audio:
        raise BackendFailed(what="sound")
    if batch.sound is not None:
        ends = (written + count) * SAMPLE_RATE_HZ // plan.fps
        if batch.sound.shape != (2, ends - written * SAMPLE_RATE_HZ // plan.fps):
            raise BackendFailed(what="sound-size")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
