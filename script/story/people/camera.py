"""The camera: what point of which surface each pixel shows, seen without perspective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from script.story.people.solid import Array, Surface

WIDTH_PX = 960
HEIGHT_PX = 720
UNIT_PX = 192.0  # One head unit.
CENTRE_X_PX = 480.0
CENTRE_Y_PX = 362.0
PIVOT = np.array([0.0, 0.0, -0.15], np.float32)  # The head turns around a line through here.

_INDEX_BITS = 23
_DEPTH_STEPS = 50_000.0  # For each unit.
_DEPTH_OFFSET = 8.0
_EDGE_ON = -0.02  # Points that face further away are not seen.
_SLIT = np.int64(0.05 * _DEPTH_STEPS) << _INDEX_BITS


@dataclass(frozen=True)
class Part:
    """One surface of a person, and what it is made of."""

    surface: Surface
    material: int
    turns: bool = True  # With the head; the neck and the body stay.


@dataclass(frozen=True)
class View:
    """What is seen, one line for each covered pixel, in the order of `rows` and `columns`."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    seen: Array  # Where the point is now, as the camera sees it.
    normals: Array
    own: Array  # Where the point is on the person, facing the camera.
    materials: NDArray[np.uint8]


class Scene:
    """A person before the camera. What does not turn with the head is looked at once."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._still = _Cloud([part for part in parts if not part.turns])
        self._head = _Cloud([part for part in parts if part.turns])
        self._behind = _nearest(self._still.points, self._still.front, first=0)

    def view(self, *, yaw: float) -> View:
        """Return what the camera sees with the head turned by `yaw` radians.

        A positive yaw turns the nose to the picture's right: the person's own left.
        """
        turn = np.array(
            [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]], np.float32
        )
        still, head = self._still, self._head
        front = np.flatnonzero(head.normals @ turn[2] > _EDGE_ON)
        points = (head.points[front] - PIVOT) @ turn.T + PIVOT
        first = len(still.points)
        before = _nearest(points, np.arange(len(points)), first=first)
        nearest = _without_slits(np.maximum(self._behind, before))
        rows, columns = np.nonzero(nearest >= 0)
        index = nearest[rows, columns] & ((1 << _INDEX_BITS) - 1)
        is_head = index >= first
        of_head = index[is_head] - first
        of_still, own_head = index[~is_head], front[of_head]
        seen, normals = np.empty((len(index), 3), np.float32), np.empty((len(index), 3), np.float32)
        own, materials = np.empty((len(index), 3), np.float32), np.empty(len(index), np.uint8)
        seen[is_head], seen[~is_head] = points[of_head], still.points[of_still]
        normals[is_head] = head.normals[own_head] @ turn.T
        normals[~is_head] = still.normals[of_still]
        own[is_head], own[~is_head] = head.points[own_head], still.points[of_still]
        materials[is_head] = head.materials[own_head]
        materials[~is_head] = still.materials[of_still]
        shift = _to_pixel_centre(seen, normals, rows, columns)
        own += np.where(is_head[:, None], shift @ turn, shift)
        return View(rows, columns, seen + shift, normals, own, materials)


class _Cloud:
    """The points of several parts in one array."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.points = np.concatenate([part.surface.points for part in parts])
        self.normals = np.concatenate([part.surface.normals for part in parts])
        self.materials = np.repeat(
            np.array([part.material for part in parts], np.uint8),
            [len(part.surface.points) for part in parts],
        )
        self.front = np.flatnonzero(self.normals[:, 2] > _EDGE_ON)


def _nearest(points: Array, front: NDArray[np.int64], *, first: int) -> NDArray[np.int64]:
    """Return for each pixel depth and index of the nearest point in one integer, or -1.

    Indexes are into `points`, and counted from `first`.
    """
    shown = points[front]
    column = (CENTRE_X_PX + shown[:, 0] * UNIT_PX).astype(np.int32)
    row = (CENTRE_Y_PX - shown[:, 1] * UNIT_PX).astype(np.int32)
    inside = np.flatnonzero((column >= 0) & (column < WIDTH_PX) & (row >= 0) & (row < HEIGHT_PX))
    depth = ((shown[inside, 2] + _DEPTH_OFFSET) * _DEPTH_STEPS).astype(np.int64)
    nearest = np.full(WIDTH_PX * HEIGHT_PX, -1, np.int64)
    place = row[inside] * WIDTH_PX + column[inside]
    np.maximum.at(nearest, place, depth << _INDEX_BITS | (front[inside] + first))
    return nearest.reshape(HEIGHT_PX, WIDTH_PX)


def _without_slits(nearest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Close gaps of a pixel between points: what both neighbours cover is covered."""
    for axis in (1, 0, 1, 0):
        ahead, behind = np.roll(nearest, 1, axis), np.roll(nearest, -1, axis)
        nearer = np.minimum(ahead, behind)
        nearest = np.where(nearer > nearest + _SLIT, nearer, nearest)
    return nearest


def _to_pixel_centre(
    points: Array, normals: Array, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Array:
    """Return the way from each point, on its tangent plane, to where its pixel's centre looks."""
    across = (columns + 0.5 - CENTRE_X_PX) / UNIT_PX - points[:, 0]
    up = (CENTRE_Y_PX - rows - 0.5) / UNIT_PX - points[:, 1]
    steep = np.maximum(normals[:, 2], 0.35)
    away = -(normals[:, 0] * across + normals[:, 1] * up) / steep
    return np.stack([across, up, away], axis=-1).astype(np.float32)
