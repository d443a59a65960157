"""What a worker is given in tests: jobs, permits, keys, and captures drawn here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any
from uuid import uuid4

import av
import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from gpu_worker.contract import job as jobs
from gpu_worker.contract import keys, permit
from gpu_worker.contract.job import CastMember, Job

SAMPLE_RATE_HZ = 48_000
SKINS = ((224, 172, 138), (141, 95, 68), (198, 140, 105))
SHIRTS = ((38, 84, 124), (170, 60, 58), (70, 110, 70))


def member(cameo_ref: str = "person-1", **changes: Any) -> CastMember:
    """Return a member of a cast."""
    return replace(CastMember(cameo_ref=cameo_ref, epoch=3, name="Ada"), **changes)


def job(**changes: Any) -> Job:
    """Return a small job for one person."""
    given: dict[str, Any] = {
        "render_id": uuid4(), "attempt_id": uuid4(), "prompt": "A walk on the beach at sunset",
        "title": "By the sea", "seconds": 1.0, "fps": 25, "width_px": 320, "height_px": 180,
        "seed": 7, "backend": "studio", "purpose": "personal", "mark_text": "Countersign\nab12cd34",
        "cast": (member(),), **changes,
    }  # fmt: skip
    return Job(**given)


def signing_key() -> tuple[Ed25519PrivateKey, str]:
    """Return a fresh key and its name."""
    key = Ed25519PrivateKey.generate()
    return key, keys.key_id(key.public_key())


def permit_for(
    asked: Job, *, key: Ed25519PrivateKey, at: datetime | None = None, **changes: Any
) -> str:
    """Return a signed permit for a job, good for ten minutes from `at`."""
    at = at or datetime.now(UTC)
    claims = permit.for_job(asked, not_before_at=at, expires_at=at + timedelta(minutes=10))
    return permit.sign(replace(claims, **changes), key, keys.key_id(key.public_key()))


def plain(asked: Job) -> dict[str, Any]:
    """Return a job as it travels."""
    return jobs.to_plain(asked)


@lru_cache(maxsize=8)
def capture(
    *, seconds: float = 2.0, width_px: int = 320, height_px: int = 240, fps: int = 25, who: int = 0,
    sound: bool = True,
) -> bytes:  # fmt: skip
    """Return a video of a drawn talking head before a plain backdrop, as MP4."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width_px, height_px, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono") if sound else None
        for index in range(round(seconds * fps)):
            picture = head(index / fps, width_px=width_px, height_px=height_px, who=who)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None:
            for frame in _voice(seconds, who):
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return buffer.getvalue()


def head(at_s: float, *, width_px: int, height_px: int, who: int = 0) -> NDArray[np.uint8]:
    """Return one frame, RGB: shoulders, head, hair, blinking eyes and a speaking mouth."""
    ys, xs = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    shade = 1 - 0.12 * ((xs / width_px - 0.5) ** 2 + (ys / height_px - 0.4) ** 2)
    ground = np.array([186, 190, 196], np.float32) * shade[..., None]
    noise = np.random.default_rng(int(at_s * 1000)).normal(0, 1.5, (height_px, width_px, 1))
    picture = np.clip(ground + noise, 0, 255).astype(np.uint8)
    unit, middle = height_px / 4.2, width_px / 2 + 0.05 * height_px * np.sin(at_s * 1.7)
    top = height_px * 0.42 + 0.01 * height_px * np.sin(at_s * 2.9)
    skin, shirt = SKINS[who % 3], SHIRTS[who % 3]

    def oval(x: float, y: float, across: float, down: float, colour: tuple[int, ...]) -> None:
        centre = (round((middle + x * unit) * 16), round((top + y * unit) * 16))
        axes = (round(across * unit * 16), round(down * unit * 16))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, 4)

    oval(0, 2.75, 1.65, 1.3, shirt)
    oval(0, 1.25, 0.36, 0.6, tuple(int(one * 0.88) for one in skin))
    oval(0, -0.12, 0.86, 1.08, (52, 36, 30))
    oval(0, 0.08, 0.74, 0.98, skin)
    for side in (-0.3, 0.3):
        closed = (at_s * 0.37) % 1 < 0.05
        oval(side, -0.05, 0.13, 0.015 if closed else 0.075, (250, 250, 250))
        oval(side, -0.05, 0.06, 0.015 if closed else 0.065, (50, 36, 30))
        oval(side, -0.26, 0.16, 0.03, (52, 36, 30))
    oval(0, 0.22, 0.08, 0.12, tuple(int(one * 0.9) for one in skin))
    oval(0, 0.55, 0.24, 0.04 + 0.09 * abs(np.sin(at_s * 9)), (130, 50, 56))
    return picture


def _voice(seconds: float, who: int) -> Iterator[av.AudioFrame]:
    total = round(seconds * SAMPLE_RATE_HZ)
    at = np.arange(total) / SAMPLE_RATE_HZ
    pitch = (190, 120, 150)[who % 3] * (1 + 0.03 * np.sin(at * 5))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    tone = sum(np.sin(phase * order) / order for order in range(1, 9))
    samples = (0.12 * tone * np.abs(np.sin(at * 9))).astype(np.float32)[None]
    for start in range(0, total, 1024):
        part = np.ascontiguousarray(samples[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, start
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        yield frame
