"""A family of models as a backend: what it is, what it can do, and how a plan becomes a clip."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gpu_worker import media
from gpu_worker.backends.diffusers import families, fitting, pipelines, weights
from gpu_worker.backends.diffusers.clip import DiffusersClip
from gpu_worker.backends.diffusers.families import Family, Pictures, Sources
from gpu_worker.backends.diffusers.weights import Absence, Unusable, Weights
from gpu_worker.contract.errors import (
    BackendFailed,
    BackendUnknown,
    CaptureUnreadable,
    ParentUnreadable,
)
from gpu_worker.plans import Capabilities, Estimate, Metadata, OnStep, Plan, ShouldCancel

PIXELS_MAX = 1920 * 1080
CAPTURE_SECONDS_MAX = 30.0
MEMORY_FOR_EACH_PIXEL_BYTES = 60


class Diffusers:
    """See the package."""

    def __init__(self, family: Family, *, weights: Weights) -> None:
        self._family, self._weights = family, weights
        self._steps = weights.steps or family.steps
        self.metadata = Metadata(
            name=family.name,
            version=weights.version,
            model=weights.name,
            weights_sha256=weights.sha256,
            licence=weights.licence,
            territories=weights.territories,
        )

    def capabilities(self) -> Capabilities:
        """Return what it can use and make. Every clip has sound: the model's, the parent's, or silence."""
        return Capabilities(
            people_max=self._family.people_max,
            voice_reference=False,
            video_reference=False,
            audio=True,
            parent=True,
            pixels_max=PIXELS_MAX,
            seconds_max=self._family.frames_max / self._family.fps,
        )

    def estimate(self, plan: Plan) -> Estimate:
        """Return what the plan costs; the seconds are a guess for one large GPU, not a measurement."""
        width, height = self._family.size(width_px=plan.width_px, height_px=plan.height_px)
        pixels = width * height * self._family.frames(seconds=plan.seconds)
        seconds = 20.0 + self._steps * pixels * 3e-8
        return Estimate(seconds, self._weights.size_bytes + pixels * MEMORY_FOR_EACH_PIXEL_BYTES)

    def render(self, plan: Plan, on_step: OnStep, should_cancel: ShouldCancel) -> DiffusersClip:
        """Read the captures and the parent, and return the clip, which is made when first read.

        Raises:
            CaptureUnreadable, ParentUnreadable: a file that is not a video.
            BackendFailed: more people than the model can be shown.
        """
        captures = [one.capture for one in plan.cast if one.capture is not None]
        family = self._family
        people_max = family.people_max
        if plan.parent is not None and not family.people_beside_parent:
            people_max = 0
        if len(captures) > people_max:
            raise BackendFailed(what="people", people_max=people_max)
        on_step("preparing", 0.0)
        width, height = family.size(width_px=plan.width_px, height_px=plan.height_px)
        frames = min(family.frames(seconds=plan.seconds), family.frames_max)
        people = tuple(_picture(capture, height_px=height) for capture in captures)
        parent = None
        if plan.parent is not None:
            parent = _parent(
                plan.parent, frames=frames, fps=family.fps, width_px=width, height_px=height
            )
        on_step("preparing", 1.0)
        return DiffusersClip(
            plan=plan, family=family, weights=self._weights, steps=self._steps, frames=frames,
            width_px=width, height_px=height, sources=Sources(people, parent), on_step=on_step,
            should_cancel=should_cancel, device=pipelines.device_name(),
        )  # fmt: skip


def load(family: Family) -> Diffusers:
    """Return a family's backend, from its folder in `WORKER_MODELS_DIR`.

    Raises:
        BackendUnknown: this worker does not offer it; `reason` is an `Absence`.
    """
    try:
        return Diffusers(family, weights=_found(family))
    except Unusable as exc:
        raise BackendUnknown(backend=family.name, reason=exc.absence.value) from exc


def ltx_video() -> Diffusers:
    """Return LTX-Video: text, a person's picture, or a parent to video."""
    return load(families.LTX_VIDEO)


def ltx_2() -> Diffusers:
    """Return LTX-2: as LTX-Video, with sound of its own."""
    return load(families.LTX_2)


def wan_vace() -> Diffusers:
    """Return Wan VACE: text with pictures of several people, or a parent, to video."""
    return load(families.WAN_VACE)


def _found(family: Family) -> Weights:
    if not pipelines.are_installed():
        raise Unusable(Absence.LIBRARY)
    if not (folder := os.environ.get("WORKER_MODELS_DIR")):
        raise Unusable(Absence.MODELS_FOLDER)
    return weights.read(Path(folder) / family.name, saved_as=family.saved_as)


def _picture(capture: bytes, *, height_px: int) -> Pictures:
    """Return one frame from the middle of a capture."""
    try:
        seen = media.outline(
            capture, height_px=height_px, count=3, from_s=0.0, until_s=CAPTURE_SECONDS_MAX
        )
    except media.Unreadable as exc:
        raise CaptureUnreadable(at="picture") from exc
    return seen.samples[len(seen.samples) // 2]


def _parent(data: bytes, *, frames: int, fps: int, width_px: int, height_px: int) -> Pictures:
    """Return a parent at the model's size, rate and length; its last frame stays where it is shorter."""
    moments, pictures = [], []
    try:
        for frame in media.frames(data, height_px=height_px * 2, until_s=frames / fps):
            moments.append(frame.shown_at_s)
            pictures.append(fitting.covering(frame.rgb, width_px=width_px, height_px=height_px))
    except media.Unreadable as exc:
        raise ParentUnreadable(at="picture") from exc
    if not pictures:
        raise ParentUnreadable(at="picture")
    return np.stack([pictures[fitting.nearest(moments, one / fps)] for one in range(frames)])
