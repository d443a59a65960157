"""Decode captures and parents, which are files from outside: every size has a limit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from gpu_worker.plans import SAMPLE_RATE_HZ

SIDE_PX_MAX = 4096
SECONDS_MAX = 180.0
FRAMES_MAX = 20_000

Source = bytes | BinaryIO  # A file that is read from its beginning, and stays open.


class Unreadable(ValueError):
    """Not a video that we can read."""


@dataclass(frozen=True)
class Frame:
    """One decoded frame: RGB, and when it is shown, in seconds from the first."""

    shown_at_s: float
    rgb: NDArray[np.uint8]


@dataclass(frozen=True)
class Outline:
    """What a video is, before its frames are wanted: some of them, and how long it is in seconds."""

    samples: tuple[NDArray[np.uint8], ...]
    seconds: float


def outline(data: Source, *, height_px: int, count: int, from_s: float, until_s: float) -> Outline:
    """Return up to `count` frames, evenly spread between two moments, and the time of the last one.

    Raises:
        Unreadable: not a video, too large, broken, or without a frame.
    """
    samples, last = [], 0.0
    try:
        with _opened(data) as container:
            ends_s = min(until_s, _length_s(container) or until_s)
            wanted = np.linspace(from_s, ends_s, count, endpoint=False).tolist()
            for time_s, frame in _decoded(container, until_s):
                last = time_s
                if wanted and time_s >= wanted[0]:
                    wanted = [one for one in wanted if one > time_s]
                    samples.append(_rgb(frame, height_px))
            if not samples:
                raise Unreadable("no frames")
            step = 1 / float(container.streams.video[0].average_rate or 25)
    except (FFmpegError, ValueError, OverflowError, MemoryError) as exc:
        raise Unreadable(type(exc).__name__) from exc
    return Outline(tuple(samples), last + step)


def frames(
    data: Source, *, height_px: int, from_s: float = 0.0, until_s: float = SECONDS_MAX
) -> Iterator[Frame]:
    """Yield the frames of a video between two moments, scaled down to at most this height.

    Raises:
        Unreadable: not a video, too large, or broken.
    """
    try:
        with _opened(data) as container:
            for time_s, frame in _decoded(container, until_s, from_s=from_s):
                if time_s >= from_s - 1e-6:
                    yield Frame(time_s, _rgb(frame, height_px))
    except (FFmpegError, ValueError, OverflowError, MemoryError) as exc:
        raise Unreadable(type(exc).__name__) from exc


def sound(data: Source, *, until_s: float = SECONDS_MAX) -> NDArray[np.float32]:
    """Return the sound of a video, mono at 48 kHz, in [-1, 1]; empty where it has none.

    Raises:
        Unreadable: broken.
    """
    parts: list[NDArray[np.float32]] = []
    missing = int(min(until_s, SECONDS_MAX) * SAMPLE_RATE_HZ)
    try:
        with _opened(data) as container:
            if not container.streams.audio:
                return np.zeros(0, np.float32)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
            for frame in container.decode(container.streams.audio[0]):
                for piece in resampler.resample(frame):
                    parts.append(piece.to_ndarray().reshape(-1).astype(np.float32, copy=False))
                    missing -= parts[-1].size
                if missing <= 0:
                    break
    except (FFmpegError, ValueError, OverflowError, MemoryError) as exc:
        raise Unreadable(type(exc).__name__) from exc
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _length_s(container: InputContainer) -> float:
    """Return how long a file says that it is; it may say nothing, or something wrong."""
    return float(container.duration or 0) / av.time_base


@contextmanager
def _opened(data: Source) -> Iterator[InputContainer]:
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    file.seek(0)
    with av.open(file, metadata_errors="ignore") as container:
        if not isinstance(container, InputContainer):
            raise Unreadable("no input")
        yield container


def _decoded(
    container: InputContainer, until_s: float, *, from_s: float = 0.0
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield each frame and its time in seconds after the video's start, from the last key frame
    before `from_s` on."""
    if not container.streams.video:
        raise Unreadable("no picture")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    first: float | None = None
    if stream.start_time is not None and stream.time_base is not None:
        first = float(stream.start_time * stream.time_base)
        if from_s > 0:
            container.seek(int((first + from_s) * av.time_base), backward=True)
    for number, frame in enumerate(container.decode(stream)):
        if number >= FRAMES_MAX or max(frame.width, frame.height) > SIDE_PX_MAX:
            raise Unreadable("too large")
        time_s = frame.time if frame.time is not None else number / float(stream.average_rate or 25)
        first = time_s if first is None else first
        if time_s - first >= min(until_s, SECONDS_MAX):
            return
        yield time_s - first, frame


def _rgb(frame: av.VideoFrame, height_px: int) -> NDArray[np.uint8]:
    height = min(frame.height, height_px)
    width = max(2, round(frame.width * height / frame.height / 2) * 2)
    picture = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
    return picture.astype(np.uint8, copy=False)
