"""The studio as a backend: what it is, what it can do, and how a plan becomes a clip."""

from __future__ import annotations

import platform

import cv2

from gpu_worker.backends.studio import captions, scenes, staging, takes
from gpu_worker.backends.studio.actors import Actor
from gpu_worker.backends.studio.clip import StudioClip
from gpu_worker.backends.studio.layers import Size
from gpu_worker.backends.studio.screens import Screen
from gpu_worker.contract.errors import BackendFailed
from gpu_worker.contract.job import CAST_MAX, SECONDS_MAX
from gpu_worker.plans import Capabilities, Estimate, Metadata, OnStep, Plan, ShouldCancel

CAPTURE_HEIGHT_PX_MAX = 1080
NAME_WITH_PRONOUNS = "{name} ({pronouns})"
PRONOUNS_LENGTH_MAX = 24


class Studio:
    """See the package."""

    metadata = Metadata(
        name="studio",
        version="1.0",
        model="countersign/studio",
        weights_sha256="",
        licence="Apache-2.0",
        territories=(),
    )

    def capabilities(self) -> Capabilities:
        """Return what it can use and make."""
        return Capabilities(
            people_max=CAST_MAX,
            voice_reference=True,
            video_reference=True,
            audio=True,
            parent=True,
            pixels_max=3840 * 2160,
            seconds_max=SECONDS_MAX,
        )

    def estimate(self, plan: Plan) -> Estimate:
        """Return what the plan costs on two cores, from measurements at 720p (docs/spec/worker.md)."""
        share = plan.width_px * plan.height_px / (1280 * 720)
        people = sum(person.capture is not None for person in plan.cast)
        seconds = 1.0 + plan.frames * share * (0.014 + 0.007 * people)
        return Estimate(seconds, int((120 + 60 * share + 30 * people) * 1024 * 1024))

    def render(self, plan: Plan, on_step: OnStep, should_cancel: ShouldCancel) -> StudioClip:
        """Read the captures, paint the scene and return the clip, whose frames are made as read.

        Raises:
            CaptureUnreadable, ParentUnreadable: a file that is not a video.
            BackendFailed: nobody to show.
        """
        size = Size(plan.width_px, plan.height_px)
        present = [person for person in plan.cast if person.capture is not None]
        if not present and plan.parent is None:
            raise BackendFailed(what="nobody-to-show")
        on_step("preparing", 0.0)
        marks = staging.marks(
            len(present), seed=plan.seed, aspect=size.width / size.height,
            beside_screen=plan.parent is not None,
        )  # fmt: skip
        actors: list[Actor] = []
        for number, (person, mark) in enumerate(zip(present, marks, strict=True)):
            if should_cancel():
                break
            take = takes.read(
                person.capture or b"", height_px=min(CAPTURE_HEIGHT_PX_MAX, size.height)
            )
            actors.append(Actor(take, mark))
            on_step("preparing", (number + 1) / (len(present) + 1))
        shown, applied = _names(plan)
        return StudioClip(
            plan=plan,
            actors=actors,
            scene=scenes.paint(plan.prompt, seed=plan.seed, size=size),
            screen=None
            if plan.parent is None
            else Screen(plan.parent, size=size, is_beside=bool(present)),
            caption=captions.drawn(
                title=plan.title, names=shown, width_px=size.width, height_px=size.height
            ),
            should_cancel=should_cancel,
            preferences_applied=applied,
            device=f"cpu {platform.machine()}, {cv2.getNumThreads()} threads",
        )


def _names(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return how each named person is called in the caption, and which preferences that applies."""
    shown, applied = [], []
    for person in plan.cast:
        pronouns = person.preferences.get("pronouns")
        if person.name and isinstance(pronouns, str) and 0 < len(pronouns) <= PRONOUNS_LENGTH_MAX:
            shown.append(NAME_WITH_PRONOUNS.format(name=person.name, pronouns=pronouns))
            applied.append(f"{person.cameo_ref}:pronouns")
        elif person.name:
            shown.append(person.name)
    return tuple(shown), tuple(applied)
