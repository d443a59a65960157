"""Takes: a capture, read once, as consecutive frames of a matted person and their voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import media
from gpu_worker.backends.studio.mattes import SAMPLES_MAX, Cut, Matter
from gpu_worker.contract.errors import CaptureUnreadable
from gpu_worker.plans import SAMPLE_RATE_HZ

PROBE_HEIGHT_PX = 96
VOICE_WINDOW_S = 0.05
LEAD_S = 0.35  # Shown before the first word.
TARGET_RMS = 0.11


@dataclass(frozen=True)
class Box:
    """Where the person is in the take's frames, as fractions of width and height."""

    left: float
    top: float
    right: float
    bottom: float


class Take:
    """The part of one capture that the video uses, played forward and cut out frame by frame.

    `box` is where the person is in all of it. `voice` is mono at 48 kHz from the same moment on, with
    an even loudness. Frames are decoded as they are asked for: a minute of them would not fit.
    """

    def __init__(
        self, capture: bytes, *, height_px: int, begin_s: float, seconds: float, matter: Matter,
        voice: NDArray[np.float32], box: Box,
    ) -> None:  # fmt: skip
        self._capture, self._height_px, self._begin_s = capture, height_px, begin_s
        self.seconds, self.matter, self.voice, self.box = seconds, matter, voice, box
        self._last: tuple[float, Cut] | None = None
        self._rewind()

    def cut(self, at_s: float) -> Cut:
        """Return the person as they were at that moment: the frame then shown, never a mix of two.

        An earlier moment than the last one rewinds.

        Raises:
            CaptureUnreadable: the capture breaks off in the middle of a frame.
        """
        if at_s < self._now.shown_at_s - self._begin_s - 1e-6:
            self._rewind()
        try:
            while self._next is not None and self._next.shown_at_s - self._begin_s <= at_s + 1e-6:
                self._now, self._next = self._next, next(self._frames, None)
        except media.Unreadable as exc:
            raise CaptureUnreadable(at="video") from exc
        if self._last is None or self._last[0] != self._now.shown_at_s:
            self._last = (self._now.shown_at_s, self.matter.cut(self._now.rgb))
        return self._last[1]

    def _rewind(self) -> None:
        self._frames = media.frames(
            self._capture,
            height_px=self._height_px,
            from_s=self._begin_s,
            until_s=self._begin_s + self.seconds,
        )
        try:
            self._now = next(self._frames)
            self._next = next(self._frames, None)
        except (StopIteration, media.Unreadable) as exc:
            raise CaptureUnreadable(at="video") from exc


def read(capture: bytes, *, height_px: int, seconds: float) -> Take:
    """Return the best part of a capture of at most so many seconds, scaled to at most this height.

    It starts a moment before the first word, where there is enough left from there.

    Raises:
        CaptureUnreadable: not a video, or one without a single frame.
    """
    try:
        voice = media.sound(capture)
        begin = _beginning(voice, seconds=seconds)
        seen = media.outline(
            capture, height_px=height_px, count=SAMPLES_MAX, from_s=begin, until_s=begin + seconds
        )
    except media.Unreadable as exc:
        raise CaptureUnreadable(at="video") from exc
    matter = Matter(seen.samples)
    first = int(begin * SAMPLE_RATE_HZ)
    return Take(
        capture,
        height_px=height_px,
        begin_s=begin,
        seconds=min(seconds, seen.seconds - begin),
        matter=matter,
        voice=_levelled(voice[first : first + int(seconds * SAMPLE_RATE_HZ)]),
        box=_box(matter, seen.samples),
    )


def _beginning(voice: NDArray[np.float32], *, seconds: float) -> float:
    """Return from when on to use a capture: the first word, if `seconds` are left after it."""
    window = int(VOICE_WINDOW_S * SAMPLE_RATE_HZ)
    if voice.size < 2 * window:
        return 0.0
    loud = np.sqrt(np.mean(voice[: voice.size // window * window].reshape(-1, window) ** 2, axis=1))
    speaking = np.flatnonzero(loud > max(0.3 * float(np.percentile(loud, 95)), 1e-3))
    first = float(speaking[0]) * VOICE_WINDOW_S - LEAD_S if speaking.size else 0.0
    return max(0.0, min(first, voice.size / SAMPLE_RATE_HZ - seconds))


def _levelled(voice: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a voice at the common loudness, measured where somebody speaks."""
    speaking = np.abs(voice) > 0.02
    if not speaking.any():
        return voice
    rms = float(np.sqrt(np.mean(voice[speaking] ** 2)))
    return np.asarray(voice * min(TARGET_RMS / max(rms, 1e-4), 8.0), np.float32)


def _box(matter: Matter, samples: Sequence[NDArray[np.uint8]]) -> Box:
    """Return where the person is in any of the samples."""
    covered = np.maximum.reduce([matter.cut(sample).alpha for sample in samples])
    small = cv2.resize(covered, (160, 120), interpolation=cv2.INTER_AREA) > 128
    rows, columns = np.flatnonzero(small.any(axis=1)), np.flatnonzero(small.any(axis=0))
    if not rows.size or not columns.size:
        return Box(0.0, 0.0, 1.0, 1.0)
    left, right = int(columns[0]) / 160, (int(columns[-1]) + 1) / 160
    return Box(left, int(rows[0]) / 120, right, (int(rows[-1]) + 1) / 120)
