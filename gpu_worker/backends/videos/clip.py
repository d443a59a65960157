"""A video from elsewhere as a clip: at the plan's size, frame rate and length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import media
from gpu_worker.contract.errors import BackendFailed
from gpu_worker.plans import CHANNELS, SAMPLE_RATE_HZ, Batch, Plan, ShouldCancel

BATCH_FRAMES = 5
# Servers round to the lengths that their models can make; the last frame stands for so long at most.
SECONDS_MISSING_MAX = 0.5


class VideosClip:
    """See `gpu_worker.plans.Clip`. Empty where its file is closed: the work was to stop."""

    preferences_applied: tuple[str, ...] = ()

    def __init__(
        self, file: BinaryIO, *, plan: Plan, device: str, should_cancel: ShouldCancel
    ) -> None:
        self._file, self._plan, self.device = file, plan, device
        self._should_cancel = should_cancel

    def batches(self) -> Iterator[Batch]:
        """Yield the whole clip in order. Stops early when the work is to be cancelled.

        Raises:
            BackendFailed: the file is not a video, or shorter than planned.
        """
        if self._file.closed:
            return
        plan = self._plan
        with self._file as file:
            try:
                sound = _sound(file, plan)
                pictures = _pictures(file, plan)
                for first in range(0, plan.frames, BATCH_FRAMES):
                    if self._should_cancel():
                        return
                    end = min(first + BATCH_FRAMES, plan.frames)
                    frames = np.stack([next(pictures) for _ in range(first, end)])
                    begin_sample = first * SAMPLE_RATE_HZ // plan.fps
                    end_sample = end * SAMPLE_RATE_HZ // plan.fps
                    yield Batch(frames, sound[:, begin_sample:end_sample])
            except media.Unreadable as exc:
                raise BackendFailed(what="videos-unreadable") from exc


def _pictures(file: BinaryIO, plan: Plan) -> Iterator[NDArray[np.uint8]]:
    """Yield what is seen at the time of each of the plan's frames."""
    source = media.frames(file, height_px=media.SIDE_PX_MAX)
    now = next(source, None)
    if now is None:
        raise media.Unreadable("no frames")
    after, picture = next(source, None), _fitted(now.rgb, plan)
    for number in range(plan.frames):
        at_s = number / plan.fps
        is_new = False
        while after is not None and after.shown_at_s <= at_s + 1e-6:
            now, after, is_new = after, next(source, None), True
        if is_new:
            picture = _fitted(now.rgb, plan)
        if after is None and at_s - now.shown_at_s > SECONDS_MISSING_MAX:
            raise BackendFailed(what="videos-too-short", seconds=round(now.shown_at_s, 2))
        yield picture


def _fitted(rgb: NDArray[np.uint8], plan: Plan) -> NDArray[np.uint8]:
    """Return a picture that fills the plan's frame: scaled alike in both directions, then cropped."""
    rows, columns = rgb.shape[:2]
    scale = max(plan.height_px / rows, plan.width_px / columns)
    width, height = (
        max(plan.width_px, round(columns * scale)),
        max(plan.height_px, round(rows * scale)),
    )
    if (width, height) != (columns, rows):
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        rgb = cv2.resize(rgb, (width, height), interpolation=kind).astype(np.uint8, copy=False)
    left, top = (width - plan.width_px) // 2, (height - plan.height_px) // 2
    return rgb[top : top + plan.height_px, left : left + plan.width_px]


def _sound(file: BinaryIO, plan: Plan) -> NDArray[np.float32]:
    """Return the video's sound on both channels, of exactly the plan's length; silence without one."""
    samples = plan.frames * SAMPLE_RATE_HZ // plan.fps
    mono = np.clip(media.sound(file, until_s=plan.seconds + 0.1), -1, 1)[:samples]
    whole = np.zeros((CHANNELS, samples), np.float32)
    whole[:, : mono.size] = mono
    return whole
