"""Look into a recording, in a process of its own: `python -m ledger.cameos.inspection`.

A recording is a hostile file. This process is started by `decoder.py` with a cleared environment and
limits on CPU, memory, files and time; it gets no network (a network namespace of its own where the
kernel lets it have one), opens one local file, and answers one JSON object on stdout. It imports no
Django and knows no secret. Capture quality only: neither identity nor a defence against forgery.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import webrtcvad
from numpy.typing import NDArray

from ledger.cameos import fingerprint

FORMATS = {"mp4": "mp4", "webm": "webm"}
SECONDS_MIN, SECONDS_MAX = 4.0, 40.0
SIDE_PX_MIN, SIDE_PX_MAX = 240, 1920
FPS_MIN, FPS_MAX = 10.0, 61.0
SAMPLES_PER_S = 5.0
LOOK_SIDE_PX = 300  # The shorter side of what the cascades look at.
FACE_SHARE_MIN = 6  # A face is at least a sixth of the shorter side.
VAD_RATE_HZ = 16_000
VAD_FRAME_MS = 30
VAD_STRICTNESS = 2  # Of 0 to 3.

CPU_SECONDS_MAX = 40
MEMORY_BYTES_MAX = 3 * 1024**3
FILES_MAX = 64
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000

EXIT_UNREADABLE = 3


class Unreadable(Exception):
    """The recording is outside its bounds, or is not what it says. `args[0]` is a fixed word."""


@dataclass(frozen=True)
class Sample:
    """What the cascades found in one frame: how sure they are, 0 for no face."""

    at_s: float
    frontal: float
    left: float
    right: float


@dataclass(frozen=True)
class Inspection:
    """What was measured. `voiced` has one character for each 30 ms: `1` voice, `0` none."""

    seconds: float
    width_px: int
    height_px: int
    fps: float
    samples: list[Sample]
    voiced: str
    fingerprint: str


def inspect(path: str, kind: str) -> Inspection:
    """Decode a recording within its bounds and measure it.

    Raises:
        Unreadable: with `no-video`, `no-audio`, `too-large`, `too-small`, `too-long`, `too-short`,
            `bad-rate`, `size-changes` or `undecodable`.
    """
    try:
        frames, width, height = _pictures(path, kind)
        voiced = _voice(path, kind)
    except (av.FFmpegError, ValueError, OverflowError, MemoryError, cv2.error) as exc:
        raise Unreadable("undecodable") from exc
    seconds, count = frames.end_s, frames.count
    _within(seconds >= SECONDS_MIN, "too-short")
    fps = count / seconds
    _within(FPS_MIN <= fps <= FPS_MAX, "bad-rate")
    return Inspection(
        seconds=round(seconds, 3),
        width_px=width,
        height_px=height,
        fps=round(fps, 3),
        samples=frames.samples,
        voiced=voiced,
        fingerprint=fingerprint.of_frames(frames.thumbnails).hex(),
    )


@dataclass
class _Frames:
    samples: list[Sample]
    thumbnails: list[tuple[float, NDArray[np.uint8]]]
    count: int = 0
    end_s: float = 0.0


def _within(condition: bool, word: str) -> None:
    if not condition:
        raise Unreadable(word)


def _open(path: str, kind: str) -> Any:
    options = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
    if kind != "mp4":
        options = {"protocol_whitelist": "file"}
    return av.open(f"file:{path}", format=FORMATS[kind], options=options)


def _pictures(path: str, kind: str) -> tuple[_Frames, int, int]:
    finder = _FaceFinder()
    with _open(path, kind) as container:
        _within(bool(container.streams.video), "no-video")
        _within(bool(container.streams.audio), "no-audio")
        stream = container.streams.video[0]
        width, height = stream.codec_context.width, stream.codec_context.height
        _within(max(width, height) <= SIDE_PX_MAX, "too-large")
        _within(min(width, height) >= SIDE_PX_MIN, "too-small")
        if container.duration is not None:
            _within(container.duration / 1e6 <= SECONDS_MAX, "too-long")
        stream.codec_context.thread_count = 2
        # A picture may grow inside the stream: the codec refuses it before it allocates.
        stream.codec_context.options = {"max_pixels": str(SIDE_PX_MAX**2)}
        found = _Frames([], [])
        next_s, start_s = 0.0, None
        for frame in container.decode(stream):
            _within((frame.width, frame.height) == (width, height), "size-changes")
            found.count += 1
            _within(found.count <= SECONDS_MAX * FPS_MAX, "too-long")
            if frame.time is None:
                continue
            start_s = frame.time if start_s is None else start_s
            at_s = frame.time - start_s
            _within(at_s <= SECONDS_MAX, "too-long")
            found.end_s = max(found.end_s, at_s)
            if at_s + 1e-6 >= next_s:
                next_s = at_s + 1 / SAMPLES_PER_S
                luma = _luma(frame, width, height)
                found.samples.append(finder.look(luma, at_s))
                found.thumbnails.append((at_s, fingerprint.thumbnail(luma)))
        _within(found.count > 1 and found.end_s > 0, "no-video")
        found.end_s *= found.count / (found.count - 1)  # The last frame lasts, too.
        return found, width, height


def _luma(frame: Any, width: int, height: int) -> NDArray[np.uint8]:
    scale = LOOK_SIDE_PX / min(width, height)
    small = frame.reformat(round(width * scale), round(height * scale), format="gray")
    return np.ascontiguousarray(small.to_ndarray())


class _FaceFinder:
    """OpenCV's cascades. The profile one knows noses to the picture's left; we also ask its mirror."""

    def __init__(self) -> None:
        cv2.setNumThreads(2)
        folder = Path(cv2.__file__).parent / "data"
        self._frontal = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_default.xml"))
        self._profile = cv2.CascadeClassifier(str(folder / "haarcascade_profileface.xml"))

    def look(self, luma: NDArray[np.uint8], at_s: float) -> Sample:
        return Sample(
            at_s=round(at_s, 3),
            frontal=_sureness(self._frontal, luma),
            left=_sureness(self._profile, np.ascontiguousarray(luma[:, ::-1])),
            right=_sureness(self._profile, luma),
        )


def _sureness(cascade: Any, luma: NDArray[np.uint8]) -> float:
    least = min(luma.shape) // FACE_SHARE_MIN
    _, _, weights = cascade.detectMultiScale3(
        luma, 1.15, 4, 0, (least, least), None, outputRejectLevels=True
    )
    return round(float(max(weights)), 3) if len(weights) else 0.0


def _voice(path: str, kind: str) -> str:
    detector = webrtcvad.Vad(VAD_STRICTNESS)
    size = VAD_RATE_HZ * VAD_FRAME_MS // 1000
    resampler = av.AudioResampler(format="s16", layout="mono", rate=VAD_RATE_HZ)
    pieces: list[NDArray[np.int16]] = []
    total = 0
    with _open(path, kind) as container:
        for frame in container.decode(container.streams.audio[0]):
            for piece in resampler.resample(frame):
                samples = piece.to_ndarray()[0]
                total += len(samples)
                _within(total <= SECONDS_MAX * VAD_RATE_HZ * 1.1, "too-long")
                pieces.append(samples)
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    return "".join(
        "1" if detector.is_speech(sound[start : start + size].tobytes(), VAD_RATE_HZ) else "0"
        for start in range(0, len(sound) - size + 1, size)
    )


def confine() -> None:
    """Limit this process, before it touches the recording."""
    for what, limit in (
        (resource.RLIMIT_CPU, CPU_SECONDS_MAX),
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, FILES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        # At the soft limit of CPU time comes SIGXCPU, which `decoder.py` tells from a kill.
        resource.setrlimit(what, (limit, limit + 1 if what == resource.RLIMIT_CPU else limit))
    # Where user namespaces are closed the rest of the confinement still holds.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET)


def main() -> None:
    """Answer `{"inspection": ...}`, or `{"unreadable": word}` with exit status 3."""
    path, kind = sys.argv[1:3]
    confine()
    av.logging.set_level(None)
    try:
        answer = {"inspection": asdict(inspect(path, kind))}
    except Unreadable as exc:
        sys.stdout.write(json.dumps({"unreadable": exc.args[0]}))
        sys.exit(EXIT_UNREADABLE)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
