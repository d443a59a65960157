"""Reading an untrusted video: a child process decodes it, and this checks what the child says."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from ledger.errors import Malformed, Unavailable
from provenance.marks import child, signatures

ROOT: Final = Path(__file__).resolve().parents[2]
WALL_S_MAX: Final = 60.0
RESIDUALS: Final = ("residual_fine", "residual_middle", "residual_coarse")


class VideoUnreadable(Malformed):
    """The bytes are not a video that we read, or the decoder broke over them."""

    code = "video-unreadable"
    title = "This file is not a video that can be read."


class VideoTooLarge(Malformed):
    """A frame has more pixels than is read."""

    code = "video-too-large"
    title = "This video's frames are larger than can be read."


class DecoderTimedOut(Unavailable):
    """The decoder was still at work after its time."""

    code = "video-decoder-timed-out"
    title = "This video took too long to read."


@dataclass(frozen=True)
class Reading:
    """What a video's beginning says, ready to be searched. Times in seconds from the first frame."""

    width_px: int
    height_px: int
    frames: int
    seconds: float
    fps: float
    residuals: tuple[NDArray[np.float32], ...]  # Each (height, width), as `residuals.LINES`.
    signatures: NDArray[np.uint8]  # (n, 380), five a second.
    samples: NDArray[np.uint8]  # (n, height, width), luma, the shorter side at most 360.
    sampled_at: NDArray[np.float64]  # (n,)


def read(path: Path, *, seconds_max: float = 20.0) -> Reading:
    """Decode the first `seconds_max` seconds of a video in a child process.

    Raises:
        VideoUnreadable: it is not a video, is empty, or broke the decoder.
        VideoTooLarge: its frames are larger than 4096 x 2304.
        DecoderTimedOut: after 60 seconds.
        FileNotFoundError: there is no such file.
    """
    with path.open("rb") as source, tempfile.TemporaryFile() as answer:
        try:
            done = subprocess.run(
                [sys.executable, "-E", "-m", "provenance.marks.child", str(seconds_max)],
                stdin=source,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
                timeout=WALL_S_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise DecoderTimedOut(timeout_s=WALL_S_MAX) from exc
        if done.returncode == child.TOO_LARGE:
            raise VideoTooLarge(side_px_max=child.SIDE_PX_MAX)
        if done.returncode != 0 or answer.tell() > child.OUTPUT_BYTES_MAX:
            raise VideoUnreadable(exit_code=done.returncode)
        answer.seek(0)
        return _checked(answer)


def _checked(answer: IO[bytes]) -> Reading:
    """Return the child's answer once its shapes are what they must be."""
    try:
        with np.load(answer, allow_pickle=False) as arrays:
            facts = arrays["facts"].astype(np.float64)
            reading = Reading(
                width_px=int(facts[0]),
                height_px=int(facts[1]),
                frames=int(facts[2]),
                seconds=float(facts[3]),
                fps=float(facts[4]),
                residuals=tuple(arrays[name] for name in RESIDUALS),
                signatures=arrays["signatures"],
                samples=arrays["samples"],
                sampled_at=arrays["sampled_at"],
            )
    except (ValueError, KeyError, IndexError, OSError, zipfile.BadZipFile) as exc:
        raise VideoUnreadable(exit_code=0) from exc
    if not _is_sound(reading):
        raise VideoUnreadable(exit_code=0)
    return reading


def _is_sound(reading: Reading) -> bool:
    def shaped(array: NDArray[Any], kind: type[np.generic], dimensions: int) -> bool:
        return bool(array.dtype == kind and array.ndim == dimensions and array.size)

    return (
        all(shaped(one, np.float32, 2) for one in reading.residuals)
        and all(bool(np.isfinite(one).all()) for one in reading.residuals)
        and shaped(reading.signatures, np.uint8, 2)
        and reading.signatures.shape[1] == signatures.VALUES
        and shaped(reading.samples, np.uint8, 3)
        and shaped(reading.sampled_at, np.float64, 1)
        and len(reading.samples) == len(reading.sampled_at)
        and bool(np.isfinite(reading.sampled_at).all())
    )
