"""Takes: a capture, read once, as consecutive frames of a matted person and their voice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
SECONDS_MAX = 60.0
JUMP_S = 1.0
FRAME_S_MAX = 0.1
TARGET_RMS = 0.11


@dataclass(frozen=True)
class Box:
    """Where the person is in the take's frames, as fractions of width and height."""

    left: float
    top: float
    right: float
    bottom: float


class Take:
    """One capture, played forward and cut out frame by frame.

    `box` is where the person is in all of it. `voice` is mono at 48 kHz, with an even loudness;
    `speaks_at_s` is a moment before its first word. Frames are decoded as they are asked for: a minute
    of them would not fit.
    """

    def __init__(
        self, capture: bytes, *, height_px: int, seconds: float, matter: Matter, box: Box,
        voice: NDArray[np.float32], speaks_at_s: float,
    ) -> None:  # fmt: skip
        self._capture, self._height_px = capture, height_px
        self.seconds, self.matter, self.box = seconds, matter, box
        self.voice, self.speaks_at_s = voice, speaks_at_s
        self._last: tuple[float, Cut] | None = None
        self._frames: Iterator[media.Frame]
        self._now: media.Frame
        self._next: media.Frame | None
        self._play_from(0.0)

    def cut(self, at_s: float) -> Cut:
        """Return the person as they were at that moment: the frame then shown, never a mix of two.

        Playing on is quick; a jump, back or far ahead, looks for the place anew.

        Raises:
            CaptureUnreadable: the capture breaks off in the middle of a frame.
        """
        if not -1e-6 <= at_s - self._now.shown_at_s < JUMP_S:
            self._play_from(at_s)
        try:
            while self._next is not None and self._next.shown_at_s <= at_s + 1e-6:
                self._now, self._next = self._next, next(self._frames, None)
        except media.Unreadable as exc:
            raise CaptureUnreadable(at="video") from exc
        if self._last is None or self._last[0] != self._now.shown_at_s:
            self._last = (self._now.shown_at_s, self.matter.cut(self._now.rgb))
        return self._last[1]

    def _play_from(self, at_s: float) -> None:
        # A frame earlier, so that the one that is shown at this moment is among them.
        begin = max(0.0, min(at_s, self.seconds) - FRAME_S_MAX)
        self._frames = media.frames(
            self._capture, height_px=self._height_px, from_s=begin, until_s=SECONDS_MAX
        )
        try:
            self._now = next(self._frames)
            self._next = next(self._frames, None)
        except (StopIteration, media.Unreadable) as exc:
            raise CaptureUnreadable(at="video") from exc


def read(capture: bytes, *, height_px: int) -> Take:
    """Return a capture, up to its first minute, scaled to at most this height.

    Raises:
        CaptureUnreadable: not a video, or one without a single frame.
    """
    try:
        voice = media.sound(capture, until_s=SECONDS_MAX)
        seen = media.outline(
            capture, height_px=height_px, count=SAMPLES_MAX, from_s=0.0, until_s=SECONDS_MAX
        )
    except media.Unreadable as exc:
        raise CaptureUnreadable(at="video") from exc
    matter = Matter(seen.samples)
    return Take(
        capture,
        height_px=height_px,
        seconds=seen.seconds,
        matter=matter,
        box=_box(matter, seen.samples),
        voice=_levelled(voice),
        speaks_at_s=_first_word(voice),
    )


def _first_word(voice: NDArray[np.float32]) -> float:
    """Return a moment before the first word, in seconds; 0 where nobody speaks."""
    window = int(VOICE_WINDOW_S * SAMPLE_RATE_HZ)
    if voice.size < 2 * window:
        return 0.0
    loud = np.sqrt(np.mean(voice[: voice.size // window * window].reshape(-1, window) ** 2, axis=1))
    speaking = np.flatnonzero(loud > max(0.3 * float(np.percentile(loud, 95)), 1e-3))
    return max(0.0, float(speaking[0]) * VOICE_WINDOW_S - LEAD_S) if speaking.size else 0.0


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
