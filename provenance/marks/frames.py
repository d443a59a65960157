"""One pass over a video's frames: everything the searches need from them. No Django, no key.

Called only in the child process (`provenance.marks.child`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.marks import child, residuals, signatures

# Names of the arrays that a reading consists of.
FACTS: Final = "facts"  # width, height, frames read, seconds read, frames per second
RESIDUALS: Final = ("residual_fine", "residual_middle", "residual_coarse")
SIGNATURES: Final = "signatures"
SAMPLES: Final = "samples"
SAMPLED_AT: Final = "sampled_at"

# What is opened at all. Playlists are not among them: they would make the reader fetch addresses.
DEMUXER_OPTIONS: Final = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,flv,ogg,mpeg",
    "protocol_whitelist": "none",
}
CODECS: Final = frozenset(
    [
        "h264",
        "hevc",
        "vp8",
        "vp9",
        "libvpx",
        "libvpx-vp9",
        "av1",
        "libdav1d",
        "mpeg4",
        "mpeg2video",
        "mjpeg",
        "prores",
    ]
)


class TooLarge(Exception):
    """More pixels in a frame than is read."""


def read(source: BinaryIO, *, seconds_max: float) -> dict[str, NDArray[Any]]:
    """Decode the first video stream from its beginning, for at most so many seconds.

    Raises:
        TooLarge: a frame has more pixels than is read.
        ValueError: there is no video, no frame, or frames are too small.
        av.FFmpegError: the decoder gave up before the first frame.
    """
    with av.open(source, "r", container_options=DEMUXER_OPTIONS) as container:
        if not container.streams.video:
            raise ValueError("no video stream")
        stream = container.streams.video[0]
        if stream.codec_context.name not in CODECS:
            raise ValueError("a codec that is not read")
        _check_size(stream.width, stream.height)
        stream.thread_count = 2
        pass_ = _Pass(float(stream.average_rate or 25))
        try:
            for frame in container.decode(stream):
                if not pass_.add(frame, seconds_max=seconds_max):
                    break
        except av.FFmpegError:
            if not pass_.count:
                raise
        return pass_.arrays()


def write(target: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays as `npz`; `provenance.marks.reading` reads them without pickle."""
    np.savez(target, **arrays)  # type: ignore[arg-type]  # Names are ours.


class _Pass:
    """What has been gathered so far."""

    def __init__(self, rate: float) -> None:
        self.count = 0
        self._rate = rate if 1.0 <= rate <= 240.0 else 25.0
        self._size = (0, 0)
        self._accumulator: residuals.Accumulator | None = None
        self._signatures: list[NDArray[np.uint8]] = []
        self._samples: list[NDArray[np.uint8]] = []
        self._sampled_at: list[float] = []
        self._start_s: float | None = None
        self._last_s = 0.0

    def add(self, frame: av.VideoFrame, *, seconds_max: float) -> bool:
        """Take one frame in; return whether another is wanted."""
        luma = _luma(frame)
        at_s = float(frame.time) if frame.time is not None else self.count / self._rate
        if self._start_s is None:
            self._start_s = at_s
            self._size = (luma.shape[1], luma.shape[0])
            self._accumulator = residuals.Accumulator(
                width_px=luma.shape[1], height_px=luma.shape[0]
            )
        at_s -= self._start_s
        if at_s >= seconds_max or self.count >= child.FRAMES_MAX:
            return False
        if (luma.shape[1], luma.shape[0]) == self._size and self._accumulator is not None:
            self._accumulator.add(luma)
        if at_s * child.SIGNATURES_A_SECOND >= len(self._signatures):
            self._signatures.append(signatures.frame_signature(luma))
        wanted = len(self._samples) < child.SAMPLES_MAX
        if wanted and at_s * child.SAMPLES_A_SECOND >= len(self._samples):
            self._samples.append(self._shrunk(luma))
            self._sampled_at.append(at_s)
        self.count += 1
        self._last_s = at_s
        return True

    def arrays(self) -> dict[str, NDArray[Any]]:
        if self._accumulator is None:
            raise ValueError("no frame")
        seconds = self._last_s + 1.0 / self._rate
        return {
            FACTS: np.array([*self._size, self.count, seconds, self._rate], np.float64),
            **dict(zip(RESIDUALS, self._accumulator.means(), strict=True)),
            SIGNATURES: np.array(self._signatures, np.uint8),
            SAMPLES: np.array(self._samples, np.uint8),
            SAMPLED_AT: np.array(self._sampled_at, np.float64),
        }

    def _shrunk(self, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width, height = self._size
        shrink = min(1.0, child.SAMPLE_SHORTER_SIDE_PX / min(width, height))
        size = (round(width * shrink), round(height * shrink))
        return cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return a frame's luma plane, shape (height, width)."""
    _check_size(frame.width, frame.height)
    if frame.format.name not in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "gray", "nv12"):
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    luma: NDArray[np.uint8] = rows[: frame.height, : frame.width]
    return luma


def _check_size(width_px: int, height_px: int) -> None:
    if max(width_px, height_px) > child.SIDE_PX_MAX or width_px * height_px > child.PIXELS_MAX:
        raise TooLarge
    if min(width_px, height_px) < signatures.SIDE_PX_MIN:
        raise ValueError("a side is shorter than 32 pixels")
