"""The one encode: H.264 and AAC in an MP4 that starts fast, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from gpu_worker import colours
from gpu_worker.contract.errors import BackendFailed
from gpu_worker.plans import CHANNELS, SAMPLE_RATE_HZ

QUEUE_FRAMES_MAX = 12
SOUND_BITS_PER_S = 128_000
AAC_FRAME_SAMPLES = 1024
KEYFRAME_EVERY_S = 2
BT709 = 1  # ISO/IEC 23091-2: the same number for primaries, transfer and matrix.

# What makes each encoder quick and good enough; another one gets its own defaults.
OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "21", "profile": "high"},
    "h264_nvenc": {"preset": "p4", "rc": "vbr", "cq": "23"},
}

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
Item = tuple[int, Planes] | av.AudioFrame
MarkLuma = Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]


class Mp4Writer:
    """Writes one file. `write` hands frames over; a second thread marks, encodes and muxes them.

    Every frame passes `mark_luma` between colour conversion and encoder: there is no other way in.
    """

    def __init__(
        self, path: Path, *, width_px: int, height_px: int, fps: int, encoder: str, audio: bool,
        mark_luma: MarkLuma,
    ) -> None:  # fmt: skip
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        picture = self._container.add_stream(encoder, rate=fps, options=OPTIONS.get(encoder, {}))
        if not isinstance(picture, av.VideoStream):
            raise BackendFailed(what="encoder")
        picture.width, picture.height, picture.pix_fmt = width_px, height_px, "yuv420p"
        context = picture.codec_context
        context.gop_size = KEYFRAME_EVERY_S * fps
        context.color_range = ColorRange.MPEG
        context.color_primaries = context.color_trc = context.colorspace = BT709
        self._picture = picture
        self._sound: av.AudioStream | None = None
        if audio:
            self._sound = self._container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
            self._sound.bit_rate = SOUND_BITS_PER_S
        self._fifo = av.AudioFifo()
        self._mark_luma, self.frames = mark_luma, 0
        self._samples = 0
        self._queue: queue.Queue[Item | None] = queue.Queue(QUEUE_FRAMES_MAX)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)

    def __enter__(self) -> Mp4Writer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file; after an error throw away what waits, and leave it unfinished."""
        if error is not None:
            self._error = self._error or error
        self._put(None)
        self._thread.join()
        if error is None and self._error is not None:
            raise BackendFailed(what="encode") from self._error

    def write(self, rgb: NDArray[np.uint8]) -> None:
        """Hand over one frame, RGB uint8 of the file's size. It may be reused at once.

        Raises:
            BackendFailed: the encoder broke.
        """
        self._put((self.frames, colours.planes(np.ascontiguousarray(rgb))))
        self.frames += 1

    def write_sound(self, samples: NDArray[np.float32]) -> None:
        """Hand over sound, float32 of shape (2, count) in [-1, 1]."""
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.clip(samples, -1.0, 1.0), dtype=np.float32),
            format="fltp",
            layout="stereo" if CHANNELS == 2 else "mono",
        )
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._samples
        self._samples += samples.shape[1]
        self._put(frame)

    def _put(self, item: Item | None) -> None:
        self._queue.put(item)
        if item is not None and self._error is not None:
            raise BackendFailed(what="encode") from self._error

    def _run(self) -> None:
        """Take what comes until None; after an error go on taking, so that nobody waits for ever."""
        while (item := self._queue.get()) is not None:
            if self._error is None:
                self._guarded(item)
        if self._error is None:
            self._guarded(None)
        try:
            self._container.close()
        except FFmpegError as exc:
            self._error = self._error or exc

    def _guarded(self, item: Item | None) -> None:
        try:
            self._encode(item)
        except Exception as exc:
            self._error = exc

    def _encode(self, item: Item | None) -> None:
        if isinstance(item, tuple):
            self._container.mux(self._picture.encode(self._frame(*item)))
        elif isinstance(item, av.AudioFrame):
            self._fifo.write(item)
            self._encode_sound(partial=False)
        else:
            if self._sound is not None:
                self._encode_sound(partial=True)
                self._container.mux(self._sound.encode(None))
            self._container.mux(self._picture.encode(None))

    def _encode_sound(self, *, partial: bool) -> None:
        assert self._sound is not None
        while (piece := self._fifo.read(AAC_FRAME_SAMPLES, partial)) is not None:
            self._container.mux(self._sound.encode(piece))

    def _frame(self, number: int, planes: Planes) -> av.VideoFrame:
        """Return one marked frame, as the encoder takes it."""
        luma, blue, red = planes
        marked = self._mark_luma(luma, number)
        frame = av.VideoFrame(luma.shape[1], luma.shape[0], "yuv420p")
        for plane, values in zip(frame.planes, (marked, blue, red), strict=True):
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            rows[: values.shape[0], : values.shape[1]] = values
        frame.pts = number
        return frame
