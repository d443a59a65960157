"""Mattes: which part of each frame of a capture is the person, and with what soft edge.

One model is made of a whole take, from a few of its frames; each frame is then matted against it.

| backdrop | model | matte |
|---|---|---|
| flat | a smooth surface fitted to the picture's edges | colour distance to it |
| static | what is seen where the person is not (GrabCut on the samples, median over time) | colour distance to it |
| moving | none | GrabCut on a small picture, refined along the frame's own edges |

With a model the backdrop is also taken out of soft edges: what is left of a pixel is C - (1 - a) B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  # uint8; OpenCV's types know no element type.
Plane = NDArray[Any]  # float32.

SAMPLES_MAX = 9
SMALL_HEIGHT_PX = 180
FLAT_DEVIATION_MAX = 7.0  # Levels of 255, after the surface is taken out.
MOVING_SHARE_MAX = 0.04  # Of backdrop pixels that differ from the model.
GRABCUT_ROUNDS = 3
# How much a difference in luma, red and blue counts: colour tells more than a shadow does.
WEIGHTS = np.array([[0.55, 1.15, 1.15]], np.float32)
NEAR_LEVELS_MIN, NEAR_LEVELS_MAX = (
    14,
    90,
)  # What counts as wholly covered, at least and at most.
STEEPNESS = 1.2  # Blurring before flattens an edge; this makes up for it.


@dataclass(frozen=True)
class Cut:
    """One frame's person: premultiplied RGB and alpha, both uint8."""

    rgb: Image
    alpha: Image


class Matter:
    """Mattes the frames of one take, in order. All frames have the samples' size."""

    def __init__(self, samples: Sequence[Image]) -> None:
        """Learn the backdrop from a few frames of the take, RGB."""
        height, width = samples[0].shape[:2]
        self._size = (width, height)
        small = [_small(sample) for sample in samples[:SAMPLES_MAX]]
        surface, deviation = _surface(small)
        self.backdrop = "flat"
        self._prior: Image | None = None
        if deviation > FLAT_DEVIATION_MAX:
            surface, deviation = self._from_masks(small)
        self._low = 3.0 + 2.2 * deviation
        plate = cv2.resize(surface, self._size, interpolation=cv2.INTER_CUBIC)
        self._plate = np.clip(plate, 0, 255).astype(np.uint8)
        self._plate_ycc = cv2.cvtColor(self._plate, cv2.COLOR_RGB2YCrCb)
        self._tolerance = None if self.backdrop == "flat" else _edges(self._plate)
        self._before: Plane | None = None
        self._mask: Image | None = None
        self._turn = 0

    def cut(self, rgb: Image) -> Cut:
        """Return the person of the next frame."""
        if self.backdrop == "moving":
            alpha = self._by_grabcut(rgb)
            three = cv2.merge((alpha, alpha, alpha))
            return Cut(cv2.multiply(rgb, three, scale=1 / 255), alpha)
        alpha = self._by_distance(rgb)
        three = cv2.merge((alpha, alpha, alpha))
        spill = cv2.multiply(self._plate, cv2.bitwise_not(three), scale=1 / 255)
        return Cut(cv2.min(cv2.subtract(rgb, spill), three), alpha)

    def _by_distance(self, rgb: Image) -> Image:
        """Return the alpha of a frame by how far each pixel is from the backdrop's colour.

        A pixel covered by c is c times as far from the backdrop as the person beside it, so the
        distance is taken in proportion to the greatest one nearby.
        """
        difference = cv2.absdiff(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), self._plate_ycc)
        row = np.hstack([WEIGHTS, [[-self._low]]]).astype(np.float32)
        distance = cv2.transform(difference, row)
        if self._tolerance is not None:
            distance = cv2.subtract(distance, self._tolerance)
        distance = cv2.blur(distance, (3, 3))
        width, height = self._size
        half = cv2.resize(distance, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        near = cv2.dilate(half, np.ones((5, 5), np.uint8))
        near = np.clip(near, NEAR_LEVELS_MIN, NEAR_LEVELS_MAX)
        whole = cv2.resize(near, self._size, interpolation=cv2.INTER_LINEAR)
        return self._solid(cv2.divide(distance, whole, scale=255.0 * STEEPNESS))

    def _solid(self, alpha: Image) -> Image:
        """Fill what is enclosed, drop what hangs loose, and calm what flickers."""
        width, height = self._size
        rows = min(SMALL_HEIGHT_PX, height)
        small = cv2.resize(
            alpha, (max(8, width * rows // height), rows), interpolation=cv2.INTER_AREA
        )
        body: Image = (small > 110).astype(np.uint8) * 255
        if self._prior is not None:
            body = cv2.bitwise_and(body, cv2.resize(self._prior, body.shape[::-1]))
        body = _largest(_filled(_joined(body)))
        core = cv2.erode(body, np.ones((3, 3), np.uint8))
        reach = cv2.dilate(body, np.ones((3, 3), np.uint8))
        gates = cv2.resize(cv2.merge((core, reach)), self._size, interpolation=cv2.INTER_LINEAR)
        return cv2.min(cv2.max(alpha, gates[..., 0]), gates[..., 1])

    def _from_masks(self, small: Sequence[Image]) -> tuple[Plane, float]:
        """Learn a backdrop that is not flat from where the person is not. Sets `backdrop`."""
        masks = [grabcut(sample, _guess(sample)) for sample in small]
        wide = np.ones((9, 9), np.uint8)
        apart = np.stack([cv2.dilate(mask, wide) == 0 for mask in masks])
        stack = np.stack(small).astype(np.float32)
        seen = np.ma.array(stack, mask=~np.repeat(apart[..., None], 3, axis=3))
        plate: Plane = np.ma.median(seen, axis=0).filled(0)  # type: ignore[no-untyped-call]  # NumPy's own gap.
        never = (~apart.any(axis=0)).astype(np.uint8)
        whole = cv2.inpaint(plate.astype(np.uint8), np.asarray(never), 5, cv2.INPAINT_TELEA)
        plate = np.asarray(whole, np.float32)
        residual = np.abs(stack - plate).max(axis=3)[apart]
        deviation = float(np.median(residual)) * 1.4826 if residual.size else 99.0
        moved = float((residual > 30).mean()) if residual.size else 1.0
        self.backdrop = "moving" if moved > MOVING_SHARE_MAX else "static"
        union = np.maximum.reduce(masks)
        self._prior = cv2.dilate(union, np.ones((15, 15), np.uint8))
        return plate, min(deviation, 8.0)

    def _by_grabcut(self, rgb: Image) -> Image:
        """Return the alpha of a frame from the last one's, cut anew on every second frame."""
        small = _small(rgb)
        if self._mask is None or self._turn % 2 == 0:
            start = _guess(small) if self._mask is None else _around(self._mask)
            self._mask = _largest(_filled(grabcut(small, start, rounds=1)))
        self._turn += 1
        guide = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        refined = _guided(guide, self._mask.astype(np.float32) / 255, radius=4, epsilon=1e-4)
        calm = refined if self._before is None else 0.65 * refined + 0.35 * self._before
        self._before = calm
        alpha = cv2.resize(calm, self._size, interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip((alpha - 0.15) * (255 / 0.7), 0, 255), np.uint8)


def grabcut(rgb: Image, start: Image, *, rounds: int = GRABCUT_ROUNDS) -> Image:
    """Return the person's mask (0 or 255) from a starting mask of GrabCut's four labels.

    Source: Rother, Kolmogorov, Blake, "GrabCut", SIGGRAPH 2004.
    """
    labels = start.copy()
    if len(np.unique(labels % 2)) < 2:
        return np.full(labels.shape, 255 * int(labels.flat[0] % 2), np.uint8)
    cv2.setRNGSeed(1)
    background, person = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    cv2.grabCut(bgr, labels, (0, 0, 1, 1), background, person, rounds, cv2.GC_INIT_WITH_MASK)
    return np.where(labels % 2 == 1, 255, 0).astype(np.uint8)


def _small(rgb: Image) -> Image:
    height, width = rgb.shape[:2]
    rows = min(SMALL_HEIGHT_PX, height)
    size = (max(8, width * rows // height), rows)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _surface(samples: Sequence[Image]) -> tuple[Plane, float]:
    """Return a quadratic surface through the picture's edges, and how far the edges are from it.

    The edges are the upper, left and right rims, without the lower half, where shoulders may touch.
    """
    rows, columns = samples[0].shape[:2]
    ys, xs = (one.astype(np.float32) for one in np.mgrid[0:rows, 0:columns])
    ys, xs = ys / rows - 0.5, xs / columns - 0.5
    basis = np.stack([np.ones_like(xs), xs, ys, xs * xs, ys * ys, xs * ys], axis=-1)
    rim = np.zeros((rows, columns), bool)
    rim[: max(2, rows // 14)] = True
    rim[: rows // 2, : max(2, columns // 12)] = rim[: rows // 2, -max(2, columns // 12) :] = True
    colours = np.asarray(np.mean(np.stack(samples), axis=0), np.float32)
    weights = np.ones(int(rim.sum()), np.float32)
    for _ in range(4):  # Reweighted, so that a lamp or a hand at the rim does not bend it.
        root = np.sqrt(weights)[:, None]
        fit, *_ = np.linalg.lstsq(basis[rim] * root, colours[rim] * root, rcond=None)
        distance = np.abs(colours[rim] - basis[rim] @ fit).max(axis=1)
        weights = 1 / (1 + (distance / 4.0) ** 2)
    noise = np.std(np.stack(samples)[:, rim].astype(np.float32), axis=0).mean()
    deviation = float(np.sqrt(np.percentile(distance, 90) ** 2 + noise**2))
    return np.asarray(basis @ fit, np.float32), deviation


@lru_cache(maxsize=1)
def _faces() -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
    return cv2.CascadeClassifier(str(path))


def _guess(small: Image) -> Image:
    """Return GrabCut's labels for a head and shoulders: around a face if one is found, else central."""
    rows, columns = small.shape[:2]
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    found = _faces().detectMultiScale(grey, 1.1, 4, minSize=(rows // 8, rows // 8))
    labels = np.full((rows, columns), cv2.GC_PR_BGD, np.uint8)
    if len(found):
        left, top, side, _ = max(found, key=lambda box: box[2])
        middle, head = (int(left + side / 2), int(top + side / 2)), float(side)
    else:
        middle, head = (columns // 2, int(rows * 0.42)), rows * 0.33
    ends = (int(head * 0.85), int(head * 1.05))
    cv2.ellipse(labels, middle, ends, 0, 0, 360, int(cv2.GC_PR_FGD), -1)
    chest = (middle[0], rows + int(head * 0.2))
    body = (int(head * 1.7), int(max(4, chest[1] - middle[1] - head * 0.75)))
    cv2.ellipse(labels, chest, body, 0, 180, 360, int(cv2.GC_PR_FGD), -1)
    cv2.ellipse(labels, middle, (int(head * 0.4), int(head * 0.5)), 0, 0, 360, int(cv2.GC_FGD), -1)
    rim = max(2, rows // 40)
    labels[:rim] = cv2.GC_BGD
    labels[: rows // 2, :rim] = labels[: rows // 2, -rim:] = cv2.GC_BGD
    return labels


def _around(mask: Image) -> Image:
    """Return GrabCut's labels for a person who was there a moment ago."""
    near = np.ones((13, 13), np.uint8)
    labels = np.full(mask.shape, cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(mask, near) > 0] = cv2.GC_PR_BGD
    labels[mask > 0] = cv2.GC_PR_FGD
    labels[cv2.erode(mask, near) > 0] = cv2.GC_FGD
    return labels


def _edges(plate: Image) -> Image:
    """Return how much a pattern's own edges may differ: it is never seen at quite the same place."""
    grey = cv2.cvtColor(plate, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))


def _joined(mask: Image) -> Image:
    """Return a mask without gaps of a pixel or two."""
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)))


def _filled(mask: Image) -> Image:
    """Return a mask with its holes filled: what the picture's upper rim cannot be reached from."""
    rows, columns = mask.shape
    padded = np.zeros((rows + 1, columns + 2), np.uint8)
    padded[1:, 1:-1] = mask
    cv2.floodFill(padded, None, (0, 0), 128)
    return np.where(padded[1:, 1:-1] == 128, 0, 255).astype(np.uint8)


def _largest(mask: Image) -> Image:
    """Return the largest connected part of a mask; an empty one stays empty."""
    count, labels, numbers, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count <= 2:
        return mask
    best = 1 + int(np.argmax(numbers[1:, cv2.CC_STAT_AREA]))
    return np.where(labels == best, 255, 0).astype(np.uint8)


def _guided(guide: Plane, mask: Plane, *, radius: int, epsilon: float) -> Plane:
    """Return a mask whose edges follow the guide's. Source: He, Sun, Tang, "Guided Image Filtering", 2013."""
    window = (2 * radius + 1, 2 * radius + 1)
    mean, mean_mask = cv2.blur(guide, window), cv2.blur(mask, window)
    covariance = cv2.blur(guide * mask, window) - mean * mean_mask
    variance = cv2.blur(guide * guide, window) - mean * mean
    slope = covariance / (variance + epsilon)
    offset = mean_mask - slope * mean
    return np.asarray(cv2.blur(slope, window) * guide + cv2.blur(offset, window), np.float32)
