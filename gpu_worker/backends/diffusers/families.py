"""The families of models that we can drive: their grids and limits, and what each is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pictures = NDArray[np.uint8]

PARENT_STRENGTH = 0.6  # How firmly a remix keeps to its parent: 1 repeats it, 0 forgets it.
LTX_PIXELS_MAX = 1216 * 704
WAN_PIXELS_MAX = 832 * 480


@dataclass(frozen=True)
class Sources:
    """What a video is made from besides its prompt: a picture of each person, and the parent's frames.

    Each picture is RGB, shape (height, width, 3); `parent` has the model's size, rate and length.
    """

    people: tuple[Pictures, ...] = ()
    parent: Pictures | None = None


@dataclass(frozen=True)
class Family:
    """One kind of pipeline.

    Frames are `frames_step` * k + 1, at `fps` a second; sides are multiples of `side_step_px`.
    `saved_as` are the pipelines whose saved folders have the components that `pipeline` needs.
    `arguments` gives what the call needs beyond the common ones.
    """

    name: str
    pipeline: str
    saved_as: frozenset[str]
    frames_step: int
    frames_max: int
    fps: int
    side_step_px: int
    pixels_max: int
    people_max: int
    steps: int
    arguments: Callable[[Sources], Mapping[str, Any]]
    people_beside_parent: bool

    def frames(self, *, seconds: float) -> int:
        """Return how many frames the model makes to cover so many seconds."""
        wanted = max(1, round(seconds * self.fps))
        return -(-(wanted - 1) // self.frames_step) * self.frames_step + 1

    def size(self, *, width_px: int, height_px: int) -> tuple[int, int]:
        """Return the width and height, in pixels, at which the model makes a picture of this shape."""
        scale = min(1.0, (self.pixels_max / (width_px * height_px)) ** 0.5)
        width, height = (self._side(side * scale) for side in (width_px, height_px))
        return width, height

    def _side(self, side_px: float) -> int:
        return max(1, round(side_px / self.side_step_px)) * self.side_step_px


def _ltx_video(sources: Sources) -> Mapping[str, Any]:
    made: dict[str, Any] = {"frame_rate": LTX_VIDEO.fps}
    if sources.parent is not None:
        made |= {"video": _images(sources.parent), "strength": PARENT_STRENGTH}
    elif sources.people:
        made |= {"image": Image.fromarray(sources.people[0])}
    return made


def _ltx_2(sources: Sources) -> Mapping[str, Any]:
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    conditions = []
    if sources.parent is not None:
        conditions.append(LTX2VideoCondition(_images(sources.parent), strength=PARENT_STRENGTH))
    elif sources.people:
        conditions.append(LTX2VideoCondition(Image.fromarray(sources.people[0])))
    return {"frame_rate": float(LTX_2.fps), "conditions": conditions or None}


def _wan_vace(sources: Sources) -> Mapping[str, Any]:
    made: dict[str, Any] = {}
    if sources.people:
        made["reference_images"] = [[Image.fromarray(one) for one in sources.people]]
    if sources.parent is not None:
        made["video"] = _images(sources.parent)
    return made


def _images(frames: Pictures) -> list[Image.Image]:
    return [Image.fromarray(frame) for frame in frames]


LTX_VIDEO = Family(
    name="ltx-video", pipeline="LTXConditionPipeline",
    saved_as=frozenset({"LTXPipeline", "LTXImageToVideoPipeline", "LTXConditionPipeline"}),
    frames_step=8, frames_max=257, fps=25, side_step_px=32, pixels_max=LTX_PIXELS_MAX,
    people_max=1, steps=40, arguments=_ltx_video, people_beside_parent=False,
)  # fmt: skip
LTX_2 = Family(
    name="ltx-2", pipeline="LTX2ConditionPipeline",
    saved_as=frozenset({"LTX2Pipeline", "LTX2ImageToVideoPipeline", "LTX2ConditionPipeline"}),
    frames_step=8, frames_max=481, fps=24, side_step_px=32, pixels_max=LTX_PIXELS_MAX,
    people_max=1, steps=30, arguments=_ltx_2, people_beside_parent=False,
)  # fmt: skip
WAN_VACE = Family(
    name="wan-vace", pipeline="WanVACEPipeline", saved_as=frozenset({"WanVACEPipeline"}),
    frames_step=4, frames_max=81, fps=16, side_step_px=16, pixels_max=WAN_PIXELS_MAX,
    people_max=4, steps=50, arguments=_wan_vace, people_beside_parent=True,
)  # fmt: skip
