"""Actors: matted people set into a scene: scaled to their mark, lit by it, with a soft shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.backends.studio.layers import Image, View, over
from gpu_worker.backends.studio.mattes import Cut
from gpu_worker.backends.studio.scenes import Light
from gpu_worker.backends.studio.staging import Mark
from gpu_worker.backends.studio.takes import Take

SHADOW_SCALE = 8  # Shadows are drawn this much smaller, which is also how they are soft.
SIDE_FADE = 0.05  # Where a shoulder is cut off by the capture's side, it fades over this share.


@dataclass
class Actor:
    """One person of the cast in one clip."""

    take: Take
    mark: Mark

    def draw(self, frame: Image, cut: Cut, *, view: View, light: Light) -> None:
        """Lay the person, as cut from one frame of their take, over the frame, in place."""
        height, width = frame.shape[:2]
        matrix = self._matrix(cut, view, (width, height))
        left, top, right, bottom = _reach(cut, matrix, (width, height))
        if right - left < 2 or bottom - top < 2:
            return
        matrix = matrix - np.array([[0, 0, left], [0, 0, top]], np.float32)
        size = (right - left, bottom - top)
        alpha = self._sides_faded(cut.alpha)
        flags = cv2.INTER_AREA if matrix[0, 0] < 0.6 else cv2.INTER_LINEAR
        rgb = cv2.warpAffine(cut.rgb, matrix, size, flags=flags)
        alpha = cv2.warpAffine(alpha, matrix, size, flags=flags)
        _shade(frame, alpha, left=left, top=top, light=light)
        rgb = _lit(rgb, alpha, light, height=height)
        over(frame[top:bottom, left:right], rgb, alpha)

    def _matrix(self, cut: Cut, view: View, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the map from the capture's pixels to the frame's.

        The box's upper edge stands at the mark's height, and the capture's lower edge below the frame's.
        """
        width, height = size
        rows, columns = cut.alpha.shape
        box, seen = self.take.box, view.at_depth(self.mark.depth)
        tall_px = max(1.0, (1.0 - box.top) * rows)
        scale = self.mark.tall * height * 1.02 / tall_px
        scale = min(scale, 0.98 * width / max(1.0, (box.right - box.left) * columns))
        middle = (box.left + box.right) / 2 * columns
        across, down = self.mark.x * width - middle * scale, height * 1.02 - rows * scale
        # Then the camera: around the frame's middle.
        zoom = seen.zoom
        return np.array(
            [
                [scale * zoom, 0, (across - width / 2) * zoom + width / 2 - seen.right * height],
                # The lower edge may not come into the picture.
                [0, scale * zoom, max(height * 1.004 - rows * scale * zoom,
                                      (down - height / 2) * zoom + height / 2 - seen.down * height)],
            ],
            np.float32,
        )  # fmt: skip

    def _sides_faded(self, alpha: Image) -> Image:
        """Return the matte, faded out where the person reaches the capture's left or right edge."""
        columns = alpha.shape[1]
        fade = max(2, round(columns * SIDE_FADE))
        if not (alpha[:, 0].any() or alpha[:, -1].any()):
            return alpha
        ramp = np.ones(columns, np.float32)
        slope = np.linspace(0, 1, fade, dtype=np.float32)
        ramp[:fade], ramp[-fade:] = slope, slope[::-1]
        return np.asarray(alpha * ramp, np.uint8)


def _reach(
    cut: Cut, matrix: NDArray[np.float32], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return the part of the frame that a cut covers: left, top, right, bottom, in pixels."""
    left, top, wide, tall = cv2.boundingRect(cut.alpha)
    scale = float(matrix[0, 0])
    x, y = left * scale + float(matrix[0, 2]), top * scale + float(matrix[1, 2])
    return (
        int(np.clip(np.floor(x) - 1, 0, size[0])),
        int(np.clip(np.floor(y) - 1, 0, size[1])),
        int(np.clip(np.ceil(x + wide * scale) + 1, 0, size[0])),
        int(np.clip(np.ceil(y + tall * scale) + 1, 0, size[1])),
    )


def _shade(frame: Image, alpha: Image, *, left: int, top: int, light: Light) -> None:
    """Darken what is behind a person: their soft shadow, thrown away from the light."""
    height, width = frame.shape[:2]
    rows, columns = alpha.shape
    small = cv2.resize(
        alpha,
        (max(1, columns // SHADOW_SCALE), max(1, rows // SHADOW_SCALE)),
        interpolation=cv2.INTER_AREA,
    )
    pad = max(2, height // SHADOW_SCALE // 12)
    small = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    small = cv2.GaussianBlur(small, (0, 0), pad / 2.2)
    shift = -light.side * pad * SHADOW_SCALE * 0.45
    x, y = left - pad * SHADOW_SCALE + shift, top - pad * SHADOW_SCALE * 0.8
    ends = (round(max(0, x)), round(max(0, y)))
    stop = (
        round(min(width, x + small.shape[1] * SHADOW_SCALE)),
        round(min(height, y + small.shape[0] * SHADOW_SCALE)),
    )
    if stop[0] <= ends[0] or stop[1] <= ends[1]:
        return
    matrix = np.array([[SHADOW_SCALE, 0, x - ends[0]], [0, SHADOW_SCALE, y - ends[1]]], np.float32)
    thrown = cv2.warpAffine(
        small, matrix, (stop[0] - ends[0], stop[1] - ends[1]), flags=cv2.INTER_LINEAR
    )
    kept = cv2.convertScaleAbs(thrown, alpha=-light.ground, beta=255.0)
    part = frame[ends[1] : stop[1], ends[0] : stop[0]]
    cv2.multiply(part, cv2.merge((kept, kept, kept)), dst=part, scale=1 / 255)


def _lit(rgb: Image, alpha: Image, light: Light, *, height: int) -> Image:
    """Return a person in the scene's light: tinted, and with light on the edges that face it."""
    red, green, blue = light.tint
    tint = np.diag([red, green, blue]).astype(np.float32)
    tinted = cv2.transform(rgb, tint)
    reach = max(1.5, height / 120)
    shift = np.array([[1, 0, -light.side * reach], [0, 1, reach * 0.7]], np.float32)
    size = (alpha.shape[1], alpha.shape[0])
    behind = cv2.warpAffine(alpha, shift, size, borderMode=cv2.BORDER_REPLICATE)
    edge = cv2.blur(cv2.subtract(alpha, behind), (3, 3))
    edge = cv2.multiply(edge, alpha, scale=1 / 255)
    rim = cv2.merge([cv2.convertScaleAbs(edge, alpha=one * 0.55) for one in light.rim])
    return np.asarray(cv2.min(cv2.add(tinted, rim), cv2.merge((alpha, alpha, alpha))), np.uint8)
