"""Recordings for tests, most of them hostile."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np


def video(
    path: Path, *, seconds: float = 5.0, width_px: int = 320, height_px: int = 240, fps: int = 12,
    sound: bool = True, picture: bool = True, container: str = "mp4",
) -> Path:  # fmt: skip
    """Write a grey picture and silence: nobody is in it."""
    codecs = {
        "mp4": ("libx264", "aac"),
        "webm": ("libvpx", "libopus"),
        "matroska": ("libx264", "aac"),
    }
    with av.open(str(path), "w", format=container) as file:
        seen: Any = None
        heard: Any = None
        if picture:
            seen = file.add_stream(codecs[container][0], rate=fps)
            seen.width, seen.height, seen.pix_fmt = width_px, height_px, "yuv420p"
            seen.options = {"preset": "ultrafast", "deadline": "realtime", "cpu-used": "8"}
        if sound:
            heard = file.add_stream(codecs[container][1], rate=48_000, layout="mono")
        if seen is not None:
            frame = np.full((height_px, width_px, 3), 128, np.uint8)
            for number in range(round(seconds * fps)):
                frame[0, number % width_px] = 255
                file.mux(seen.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            file.mux(seen.encode())
        if heard is not None:
            wave = np.zeros(round(seconds * 48_000))
            audio = av.AudioFrame.from_ndarray(
                wave[None].astype(np.float32), format="fltp", layout="mono"
            )
            audio.sample_rate = 48_000
            if container == "webm":
                resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
                for piece in resampler.resample(audio):
                    file.mux(heard.encode(piece))
            else:
                file.mux(heard.encode(audio))
            file.mux(heard.encode())
    return path


def truncated(source: Path, path: Path, *, share: float = 0.5) -> Path:
    """Write the first part of a file."""
    whole = source.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def with_size_in_header(source: Path, path: Path, *, width_px: int, height_px: int) -> Path:
    """Write a copy of an MP4 whose sample description claims another picture size."""
    whole = bytearray(source.read_bytes())
    at = whole.index(b"avc1", whole.index(b"stsd")) + 4 + 24
    struct.pack_into(">HH", whole, at, width_px, height_px)
    path.write_bytes(whole)
    return path


def text(path: Path) -> Path:
    """Write a text that calls itself a video."""
    path.write_text("This is not a video, whatever its name is.\n" * 40)
    return path


def text_with_video_head(path: Path) -> Path:
    """Write bytes that begin as an MP4 does, and go on as noise."""
    path.write_bytes(struct.pack(">I", 24) + b"ftypisom" + bytes(12) + b"\x00garbage" * 500)
    return path


def growing(source: Path, path: Path, *, side_px: int = 16_383) -> Path:
    """Write a copy of a VP8 file whose pictures claim to be huge, though the container does not."""
    whole = bytearray(source.read_bytes())
    start = whole.index(b"\x9d\x01\x2a") + 3  # A key frame's start code; then its size.
    struct.pack_into("<HH", whole, start, side_px, side_px)
    path.write_bytes(whole)
    return path
