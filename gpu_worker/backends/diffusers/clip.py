"""A clip that a model makes whole, and that is handed on in batches at the plan's size and rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gpu_worker import media
from gpu_worker.backends.diffusers import fitting, pipelines
from gpu_worker.backends.diffusers.families import Family, Sources
from gpu_worker.backends.diffusers.pipelines import Made, Stopped
from gpu_worker.backends.diffusers.weights import Weights
from gpu_worker.contract.errors import ParentUnreadable
from gpu_worker.plans import SAMPLE_RATE_HZ, Batch, OnStep, Plan, ShouldCancel

BATCH_FRAMES = 8


class DiffusersClip:
    """See `gpu_worker.plans.Clip`. No preference is applied: these models have no field for one."""

    preferences_applied: tuple[str, ...] = ()

    def __init__(
        self, *, plan: Plan, family: Family, weights: Weights, steps: int, frames: int,
        width_px: int, height_px: int, sources: Sources, on_step: OnStep,
        should_cancel: ShouldCancel, device: str,
    ) -> None:  # fmt: skip
        self._plan, self._family, self._weights, self._steps = plan, family, weights, steps
        self._frames, self._width_px, self._height_px = frames, width_px, height_px
        self._sources, self._on_step, self._should_cancel = sources, on_step, should_cancel
        self.device = device

    def batches(self) -> Iterator[Batch]:
        """Make the clip and yield it in order. Stops early when the work is to be cancelled."""
        plan = self._plan
        try:
            made = self._made()
        except Stopped:
            return
        sound = self._sound(made)
        for first in range(0, plan.frames, BATCH_FRAMES):
            if self._should_cancel():
                return
            numbers = range(first, min(first + BATCH_FRAMES, plan.frames))
            begin = first * SAMPLE_RATE_HZ // plan.fps
            end = numbers.stop * SAMPLE_RATE_HZ // plan.fps
            yield Batch(self._fitted(made, numbers), sound[:, begin:end])

    def _made(self) -> Made:
        return pipelines.run(
            self._family, weights=self._weights, steps=self._steps, seed=self._plan.seed,
            on_step=self._on_step, should_cancel=self._should_cancel,
            call={
                "prompt": self._plan.prompt, "num_frames": self._frames,
                "width": self._width_px, "height": self._height_px,
                **self._family.arguments(self._sources),
            },
        )  # fmt: skip

    def _fitted(self, made: Made, numbers: range) -> NDArray[np.uint8]:
        plan, count = self._plan, len(made.frames)
        shown = [
            fitting.shown_at(one, fps=plan.fps, of_fps=self._family.fps, count=count)
            for one in numbers
        ]
        return np.stack([
            fitting.covering(made.frames[one], width_px=plan.width_px, height_px=plan.height_px)
            for one in shown
        ])  # fmt: skip

    def _sound(self, made: Made) -> NDArray[np.float32]:
        """Return the model's own sound; else the parent's; else silence."""
        samples = self._plan.frames * SAMPLE_RATE_HZ // self._plan.fps
        heard, rate_hz = made.sound, made.rate_hz
        if heard is None and self._plan.parent is not None:
            try:
                heard = media.sound(self._plan.parent, until_s=self._plan.seconds)[None]
            except media.Unreadable as exc:
                raise ParentUnreadable(at="sound") from exc
            rate_hz = SAMPLE_RATE_HZ
        return fitting.sound(heard, rate_hz=rate_hz, samples=samples)
