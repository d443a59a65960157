"""Bring what a model makes to the plan's size, rate and length, and sources to the model's."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.plans import CHANNELS, SAMPLE_RATE_HZ


def covering(picture: NDArray[np.uint8], *, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Return a picture scaled to cover a size, with what is over cut off evenly."""
    height, width = picture.shape[:2]
    scale = max(width_px / width, height_px / height)
    size = (max(width_px, round(width * scale)), max(height_px, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, size, interpolation=way)
    left, top = (size[0] - width_px) // 2, (size[1] - height_px) // 2
    return np.ascontiguousarray(scaled[top : top + height_px, left : left + width_px], np.uint8)


def shown_at(number: int, *, fps: int, of_fps: int, count: int) -> int:
    """Return which of `count` frames, at `of_fps`, is seen when frame `number` is due, at `fps`.

    After the last frame the last one stays.
    """
    return min(count - 1, number * of_fps // fps)


def nearest(moments_s: Sequence[float], at_s: float) -> int:
    """Return which of the moments, in order, is the last one not after `at_s`; the first if none."""
    return max(0, int(np.searchsorted(np.asarray(moments_s), at_s + 1e-6, side="right")) - 1)


def sound(made: NDArray[np.float32] | None, *, rate_hz: int, samples: int) -> NDArray[np.float32]:
    """Return stereo sound at 48 kHz of a length, with silence after the end, or for want of any.

    `made` has the shape (channels, n); one channel is heard on both sides.
    """
    fitted = np.zeros((CHANNELS, samples), np.float32)
    if made is None or not made.size:
        return fitted
    count = min(samples, made.shape[1] * SAMPLE_RATE_HZ // rate_hz)
    at = np.arange(count) * (rate_hz / SAMPLE_RATE_HZ)
    for side in range(CHANNELS):
        channel = np.nan_to_num(made[min(side, made.shape[0] - 1)])
        fitted[side, :count] = np.interp(at, np.arange(channel.size), channel)
    return np.clip(fitted, -1, 1)
