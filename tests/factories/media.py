"""Small clips and pictures, drawn and encoded here: no file of anybody's is in this repository."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SAMPLE_RATE_HZ = 48_000


def clip(
    path: Path,
    *,
    seconds: float = 1,
    width_px: int = 320,
    height_px: int = 180,
    fps: int = 24,
    sound: bool = True,
    seed: int = 0,
    codec: str = "libx264",
    crf: int = 23,
) -> Path:
    """Write an MP4 of drifting shapes over a textured ground, with a tone. Returns `path`."""
    with av.open(str(path), "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "veryfast"}
        video = cast("av.VideoStream", container.add_stream(codec, rate=fps, options=options))
        video.width, video.height, video.pix_fmt = width_px, height_px, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono") if sound else None
        for index in range(round(seconds * fps)):
            picture = frame(index, width_px=width_px, height_px=height_px, seed=seed)
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in video.encode(None):
            container.mux(packet)
        if audio is not None:
            _tone(container, audio, seconds=seconds, seed=seed)
    return path


def frame(index: int, *, width_px: int, height_px: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return frame `index`, shape (height, width, 3), RGB; the same for the same arguments."""
    noise = np.random.default_rng(seed)
    phase, tint = noise.uniform(0, 6, size=3), noise.integers(40, 120, size=3)
    ys, xs = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    picture = np.empty((height_px, width_px, 3), np.float32)
    for channel in range(3):
        wave = np.sin(xs / (17 + 3 * channel) + index / 9 + phase[channel])
        picture[..., channel] = tint[channel] + 60 + 40 * wave * np.cos(ys / 13 - index / 11)
    left = (index * 5 + seed * 37) % max(1, width_px - 40)
    picture[height_px // 3 : height_px // 3 + 40, left : left + 40] = (230, 200, 40)
    picture += noise.normal(0, 6, size=(height_px, width_px, 1))
    return np.clip(picture, 0, 255).astype(np.uint8)


def jpeg(*, width_px: int = 160, height_px: int = 90, seed: int = 0) -> bytes:
    """Return a small JPEG, as a thumbnail is."""
    return _picture("JPEG", width_px=width_px, height_px=height_px, seed=seed)


def png(path: Path, *, width_px: int = 160, height_px: int = 90, seed: int = 0) -> Path:
    """Write a small PNG. Returns `path`."""
    path.write_bytes(_picture("PNG", width_px=width_px, height_px=height_px, seed=seed))
    return path


def _picture(kind: str, *, width_px: int, height_px: int, seed: int) -> bytes:
    buffer = io.BytesIO()
    drawn = frame(0, width_px=width_px, height_px=height_px, seed=seed)
    Image.fromarray(drawn).save(buffer, format=kind)
    return buffer.getvalue()


def _tone(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    *,
    seconds: float,
    seed: int,
) -> None:
    """Encode a tone of 220 to 440 Hz in blocks of one AAC frame."""
    total, block = round(seconds * SAMPLE_RATE_HZ), 1024
    hertz = 220 + 20 * (seed % 11)
    for start in range(0, total, block):
        moments = np.arange(start, min(start + block, total)) / SAMPLE_RATE_HZ
        samples = (0.2 * np.sin(2 * np.pi * hertz * moments)).astype(np.float32)[None, :]
        part = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        part.sample_rate, part.pts, part.time_base = (
            SAMPLE_RATE_HZ,
            start,
            Fraction(1, SAMPLE_RATE_HZ),
        )
        for packet in stream.encode(part):
            container.mux(packet)
    for packet in stream.encode(None):
        container.mux(packet)
