"""Solids: signed distances, and star-shaped surfaces found along rays from a centre.

Head space: x to the picture's right when the person faces the camera, y up, z to the camera. One
unit is half a head's height. Arrays are float32, points have shape (..., 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Triple = tuple[float, float, float]
Distance = Callable[[Array], Array]

MARCH_STEPS = 16
START_RADIUS = 2.0
STRETCH_MAX = 0.022


@dataclass(frozen=True)
class Surface:
    """Points of a surface on a grid of directions, shape (n, 3), with outward unit normals."""

    points: Array
    normals: Array


def ellipsoid(point: Array, centre: Triple, radii: Triple) -> Array:
    """Return about how far each point is from an ellipsoid, in head units; negative inside."""
    size = np.array(radii, np.float32)
    offset = (point - np.array(centre, np.float32)) / size
    near = np.sqrt(np.einsum("...i,...i->...", offset, offset))
    offset /= size
    steep = np.sqrt(np.einsum("...i,...i->...", offset, offset))
    return np.asarray(near * (near - 1.0) / np.maximum(steep, 1e-4), np.float32)


def capsule(point: Array, start: Triple, end: Triple, radius: float, radius_end: float) -> Array:
    """Return how far each point is from a rounded stick that grows thicker along its way."""
    first, last = np.array(start, np.float32), np.array(end, np.float32)
    along = last - first
    offset = point - first
    share = np.clip((offset @ along) / float(along @ along), 0.0, 1.0)
    away = offset - share[..., None] * along
    thickness = radius + (radius_end - radius) * share
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", away, away)) - thickness, np.float32)


def join(first: Array, second: Array, softness: float) -> Array:
    """Return the union of two solids with a rounded seam."""
    blend = np.maximum(softness - np.abs(first - second), 0.0) / softness
    return np.asarray(np.minimum(first, second) - blend * blend * softness * 0.25, np.float32)


def carve(solid: Array, hollow: Array, softness: float) -> Array:
    """Return a solid less another, with a rounded edge."""
    return -join(-solid, hollow, softness)


def mirrored(point: Array) -> Array:
    """Fold the left half onto the right one, for solids that are the same on both sides."""
    folded = point.copy()
    folded[..., 0] = np.abs(folded[..., 0])
    return folded


def surface(
    distance: Distance, *, centre: Triple = (0, 0, 0), columns: int, rows: int, finer: int
) -> Surface:
    """Return the surface of a star-shaped solid, as seen from `centre`.

    Rays march inwards on a coarse grid of `rows` x `columns` directions; the grid is then made
    `finer` times as dense by interpolation.
    """
    azimuth = np.linspace(-np.pi, np.pi, columns, dtype=np.float32)
    polar = np.linspace(0.004, np.pi - 0.004, rows, dtype=np.float32)
    origin = np.array(centre, np.float32)
    coarse = _directions(azimuth, polar)
    radius = np.full(coarse.shape[:2], START_RADIUS, np.float32)
    for _ in range(MARCH_STEPS):
        radius -= 0.92 * distance(origin + coarse * radius[..., None])
        np.clip(radius, 0.02, START_RADIUS, out=radius)
    radius = np.asarray(cv2.GaussianBlur(radius, (3, 3), 0.6), np.float32)
    facing = _normals(origin + coarse * radius[..., None])
    fine = (columns * finer, rows * finer)
    radius = _resized(radius, fine, cv2.INTER_CUBIC)
    # The same half-pixel geometry as the radii: angles are interpolated with them.
    azimuth = _resized(azimuth[None], (fine[0], 1))[0]
    polar = _resized(polar[:, None], (1, fine[1]))[:, 0]
    points = np.asarray(origin + _directions(azimuth, polar) * radius[..., None], np.float32)
    normals = _resized(facing, fine)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    dense = _stretch(radius) < STRETCH_MAX
    return Surface(points[dense], normals[dense])


def _resized(grid: Array, size: tuple[int, int], how: int = cv2.INTER_LINEAR) -> Array:
    return np.asarray(cv2.resize(grid, size, interpolation=how), np.float32)


def _stretch(radius: Array) -> Array:
    """Return how far neighbours lie apart along the ray: where a rim hides what is behind it."""
    down = np.abs(np.diff(radius, axis=0, prepend=radius[:1]))
    right = np.abs(np.diff(radius, axis=1, prepend=radius[:, :1]))
    return np.asarray(np.maximum(down, right), np.float32)


def _directions(azimuth: Array, polar: Array) -> Array:
    sine = np.sin(polar)[:, None]
    up = np.broadcast_to(np.cos(polar)[:, None], (len(polar), len(azimuth)))
    return np.stack([np.sin(azimuth)[None] * sine, up, np.cos(azimuth)[None] * sine], axis=-1)


def _normals(grid: Array) -> Array:
    down = np.gradient(grid, axis=0)
    right = np.gradient(grid, axis=1)
    normal = np.cross(down, right)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    return np.asarray(normal, np.float32)
