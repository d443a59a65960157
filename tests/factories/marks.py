"""Small marked videos, made by the worker's own embedders, and what may happen to them afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.contract import mark
from gpu_worker.marking.invisible import InvisibleMark
from gpu_worker.marking.visible import VisibleMark
from provenance.marks.detection import MarkKey
from tests.factories import media

KEY = MarkKey(version=1, pattern_key=bytes(range(32)), mac_key=bytes(range(32, 64)))
MARK_ID = 0x12_3456_789A
PAYLOAD = mark.sign(MARK_ID, KEY.mac_key)
TEXT = "Countersign\n3f9a 21c7"

Planes = NDArray[np.uint8]  # YUV 4:2:0, shape (height * 3 / 2, width).


def video(
    path: Path,
    *,
    seconds: float = 3,
    width_px: int = 640,
    height_px: int = 360,
    fps: int = 12,
    seed: int = 0,
    crf: int = 20,
    payload: int | None = PAYLOAD,
    text: str | None = TEXT,
    key: MarkKey = KEY,
) -> Path:
    """Write a video as the worker does: frames, visible mark, invisible mark, one encode."""
    visible = VisibleMark(text=text or TEXT, width_px=width_px, height_px=height_px, fps=fps)
    invisible = InvisibleMark(
        key=key.pattern_key, payload=payload or 0, width_px=width_px, height_px=height_px
    )

    def frames() -> Iterator[Planes]:
        for index in range(round(seconds * fps)):
            picture = media.frame(index, width_px=width_px, height_px=height_px, seed=seed)
            if text is not None:
                visible.draw(picture, index)
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            if payload is not None:
                invisible.embed(planes[:height_px], index)
            yield planes

    return write(path, frames(), fps=fps, crf=crf)


def changed(
    source: Path,
    target: Path,
    *,
    crf: int = 23,
    scale: float = 1.0,
    crop: float = 0.0,
    fps: int = 12,
) -> Path:
    """Write a video anew: cropped by a share of each side, scaled, and encoded at `crf`."""

    def frames() -> Iterator[Planes]:
        with av.open(str(source)) as container:
            for frame in container.decode(video=0):
                picture = frame.to_ndarray(format="rgb24")
                height, width = picture.shape[:2]
                top, left = round(height * crop / 2), round(width * crop / 2)
                picture = picture[top : height - top, left : width - left]
                size = [round(side * scale / 2) * 2 for side in picture.shape[1::-1]]
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                yield cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)

    return write(target, frames(), fps=fps, crf=crf)


def write(path: Path, frames: Iterator[Planes], *, fps: int, crf: int) -> Path:
    """Encode planes to an MP4 with H.264, without metadata. Returns `path`."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = None
        for planes in frames:
            if stream is None:
                options = {"crf": str(crf), "preset": "veryfast"}
                stream = container.add_stream("libx264", rate=fps, options=options)
                stream.height, stream.width = planes.shape[0] * 2 // 3, planes.shape[1]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        assert stream is not None
        container.mux(stream.encode(None))
    return path
