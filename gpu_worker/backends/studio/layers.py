"""Layers: pictures at a depth, moved by one camera and laid over each other.

All arithmetic is on uint8, by OpenCV. A layer with alpha is premultiplied, so that it can be
moved between pixels and scaled without a fringe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# OpenCV's own types know no element type, so a picture's is said in words: uint8.
Image = NDArray[Any]

MARGIN = 0.16  # How much larger than the frame a scene is painted, so that the camera can move.


@dataclass(frozen=True)
class Size:
    """A frame's size in pixels."""

    width: int
    height: int

    @property
    def painted(self) -> Size:
        """The size that scenes are painted in."""
        return Size(round(self.width * (1 + MARGIN)), round(self.height * (1 + MARGIN)))


@dataclass(frozen=True)
class View:
    """Where the camera is: `zoom` at depth 1, and its way in fractions of the frame's height."""

    zoom: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def at_depth(self, depth: float) -> View:
        """Return how a layer at this depth is seen: twice as far away, it moves half as much."""
        return View(1 + (self.zoom - 1) / depth, self.right / depth, self.down / depth)


@dataclass(frozen=True)
class Layer:
    """A picture at a depth. `alpha` is None for one that covers all."""

    rgb: Image
    alpha: Image | None
    depth: float


def painted_to_frame(view: View, *, depth: float, size: Size) -> NDArray[np.float32]:
    """Return the affine map from a painted layer's pixels to the frame's."""
    seen, painted = view.at_depth(depth), size.painted
    scale = seen.zoom
    across = size.width / 2 - scale * painted.width / 2 - seen.right * size.height
    down = size.height / 2 - scale * painted.height / 2 - seen.down * size.height
    return np.array([[scale, 0, across], [0, scale, down]], np.float32)


def draw(frame: Image, layer: Layer, *, view: View) -> None:
    """Lay a painted layer over the frame, in place."""
    height, width = frame.shape[:2]
    matrix = painted_to_frame(view, depth=layer.depth, size=Size(width, height))
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    if layer.alpha is None:
        cv2.warpAffine(layer.rgb, matrix, (width, height), frame, flags, border)
        return
    top = _first_row(layer.alpha, matrix, height)
    if top >= height:
        return
    matrix = matrix - np.array([[0, 0, 0], [0, 0, top]], np.float32)
    rgb = cv2.warpAffine(layer.rgb, matrix, (width, height - top), None, flags, border)
    alpha = cv2.warpAffine(layer.alpha, matrix, (width, height - top), None, flags, border)
    over(frame[top:], rgb, alpha)


def over(target: Image, rgb: Image, alpha: Image) -> None:
    """Lay a premultiplied picture over a part of a frame, in place. Source: Porter, Duff, 1984."""
    kept = cv2.bitwise_not(alpha)
    under = cv2.multiply(target, cv2.merge((kept, kept, kept)), scale=1 / 255)
    cv2.add(under, rgb, dst=target)


def premultiplied(rgb: Image, alpha: Image) -> Image:
    """Return RGB times alpha."""
    return np.asarray(cv2.multiply(rgb, cv2.merge((alpha, alpha, alpha)), scale=1 / 255), np.uint8)


def _first_row(alpha: Image, matrix: NDArray[np.float32], height: int) -> int:
    """Return the first row of the frame that the layer reaches: skies stay untouched."""
    rows = np.flatnonzero(alpha[:, :: max(1, alpha.shape[1] // 64)].any(axis=1))
    if not rows.size:
        return height
    return int(np.clip(np.floor(rows[0] * matrix[1, 1] + matrix[1, 2]) - 2, 0, height))
