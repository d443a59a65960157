"""What a backend is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
CHANNELS = 2

OnStep = Callable[[str, float], None]  # The stage's name, and the fraction of the render behind.
ShouldCancel = Callable[[], bool]


@dataclass(frozen=True)
class Person:
    """One member of the cast. `capture` is their video file, in memory; None: they are in the parent."""

    cameo_ref: str
    name: str
    preferences: Mapping[str, Any]
    capture: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """One video to make. `parent` is the parent's file, in memory. Preferences are not in the prompt."""

    prompt: str
    title: str
    frames: int
    fps: int
    width_px: int
    height_px: int
    seed: int
    cast: tuple[Person, ...]
    parent: bytes | None = field(repr=False)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.fps


@dataclass(frozen=True)
class Batch:
    """Some consecutive frames, and the sound that goes with them.

    `frames`: RGB, uint8, shape (count, height, width, 3); the chain may write into it. `sound`:
    float32 in [-1, 1], shape (2, count / fps * 48,000), or None from a backend without sound.
    """

    frames: NDArray[np.uint8]
    sound: NDArray[np.float32] | None


@dataclass(frozen=True)
class Capabilities:
    """What a backend can use and make."""

    people_max: int
    voice_reference: bool
    video_reference: bool
    audio: bool
    parent: bool
    pixels_max: int
    seconds_max: float


@dataclass(frozen=True)
class Metadata:
    """What a backend is. `territories` (ISO 3166-1 alpha-2) is where its licence allows its results;
    empty is everywhere. `weights_sha256` is empty where there are no weights."""

    name: str
    version: str
    model: str
    weights_sha256: str
    licence: str
    territories: tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """What a render will cost, roughly."""

    seconds: float
    memory_bytes: int


class Clip(Protocol):
    """A render under way."""

    preferences_applied: tuple[str, ...]
    device: str

    def batches(self) -> Iterator[Batch]:
        """Yield the whole video in order, once. Stops early when `should_cancel` says so."""
        ...


class Backend(Protocol):
    """One way of making a video. It sees a plan, and never a permit, a key, or the service."""

    metadata: Metadata

    def capabilities(self) -> Capabilities:
        """Return what it can use and make."""
        ...

    def estimate(self, plan: Plan) -> Estimate:
        """Return what the plan would cost."""
        ...

    def render(self, plan: Plan, on_step: OnStep, should_cancel: ShouldCancel) -> Clip:
        """Prepare the plan and return the clip, whose frames are made as they are read.

        Raises:
            CaptureUnreadable, ParentUnreadable: a file that is not a video.
            BackendFailed: anything else that is in the way.
        """
        ...
