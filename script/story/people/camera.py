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


def view(parts: Sequence[Part], *, yaw: float) -> View:
    """Return what the camera sees of the parts with the head turned by `yaw` radians.

    A positive yaw turns the nose to the picture's right: the person's own left.
    """
    turn = np.array(
        [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]], np.float32
    )
    seen, normals, own, materials = [], [], [], []
    for part in parts:
        now = turn if part.turns else np.eye(3, dtype=np.float32)
        facing = part.surface.normals @ now.T
        front = np.flatnonzero(facing[:, 2] > -0.02)
        points = part.surface.points[front]
        seen.append((points - PIVOT) @ now.T + PIVOT)
        normals.append(facing[front])
        own.append(points)
        materials.append(np.full(len(front), part.material, np.uint8))
    points, normal = np.concatenate(seen), np.concatenate(normals)
    nearest = _nearest(points)
    rows, columns = np.nonzero(nearest >= 0)
    index = nearest[rows, columns] & ((1 << _INDEX_BITS) - 1)
    found, facing = points[index], normal[index]
    shift = _to_pixel_centre(found, facing, rows, columns)
    back = np.where(_turning(parts, materials)[index][:, None], shift @ turn, shift)
    return View(
        rows=rows,
        columns=columns,
        seen=found + shift,
        normals=facing,
        own=np.concatenate(own)[index] + back,
        materials=np.concatenate(materials)[index],
    )


def _turning(parts: Sequence[Part], chunks: Sequence[NDArray[np.uint8]]) -> NDArray[np.bool_]:
    return np.repeat([part.turns for part in parts], [len(chunk) for chunk in chunks])


def _nearest(points: Array) -> NDArray[np.int64]:
    """Return for each pixel depth and index of the nearest point in one integer, or -1."""
    column = (CENTRE_X_PX + points[:, 0] * UNIT_PX).astype(np.int32)
    row = (CENTRE_Y_PX - points[:, 1] * UNIT_PX).astype(np.int32)
    inside = (column >= 0) & (column < WIDTH_PX) & (row >= 0) & (row < HEIGHT_PX)
    index = np.flatnonzero(inside)
    depth = ((points[index, 2] + _DEPTH_OFFSET) * _DEPTH_STEPS).astype(np.int64)
    nearest = np.full(WIDTH_PX * HEIGHT_PX, -1, np.int64)
    place = row[index].astype(np.int64) * WIDTH_PX + column[index]
    np.maximum.at(nearest, place, depth << _INDEX_BITS | index)
    return _without_slits(nearest.reshape(HEIGHT_PX, WIDTH_PX))


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
