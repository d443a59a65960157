"""Paint: gradients, noise, light and ridges, as float32 in [0, 1], for scenes to be made of.

A plane has shape (height, width); a picture has (height, width, 3), RGB. Places are fractions of the
picture: (0, 0) is its upper left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.backends.studio.layers import Image, Size

# OpenCV's own types know no element type, so these are said in words: float32.
Plane = NDArray[Any]
Picture = NDArray[Any]
Colour = tuple[float, float, float]
Rng = np.random.Generator


def colour(code: str) -> Colour:
    """Return the colour of six hexadecimal digits."""
    red, green, blue = (int(code[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def ramp(size: Size, stops: Sequence[tuple[float, str]]) -> Picture:
    """Return a vertical gradient through these colours at these heights, eased in between."""
    at = np.linspace(0, 1, size.height)
    places = [place for place, _ in stops]
    channels = np.array([colour(code) for _, code in stops])
    column = np.stack([np.interp(at, places, channels[:, one]) for one in range(3)], axis=-1)
    kernel = max(3, size.height // 16) | 1
    column = cv2.GaussianBlur(column.astype(np.float32), (1, kernel), 0)
    column = column.reshape(size.height, 1, 3)
    return np.repeat(column, size.width, axis=1)


def noise(
    size: Size, rng: Rng, *, cells: float, octaves: int = 5, stretch: float = 1.0, fade: float = 0.5
) -> Plane:
    """Return cloudy noise in [0, 1]. `cells` is how many bumps fit the height; `stretch` widens them."""
    total = np.zeros((size.height, size.width), np.float32)
    weight = 1.0
    for _ in range(octaves):
        rows = max(2, round(cells) + 3)
        columns = max(2, round(cells * size.width / size.height / stretch) + 3)
        grid = rng.random((rows, columns), np.float32)
        total += weight * cv2.resize(grid, (size.width, size.height), interpolation=cv2.INTER_CUBIC)
        weight, cells = weight * fade, cells * 2
        if rows > size.height / 2:
            break
    low, high = np.percentile(total[::4, ::4], (1, 99))
    return np.asarray(np.clip((total - low) / max(high - low, 1e-6), 0, 1), np.float32)


def grid(size: Size) -> tuple[Plane, Plane]:
    """Return each pixel's place, across and down, in fractions."""
    across = np.linspace(0, 1, size.width, dtype=np.float32)[None]
    down = np.linspace(0, 1, size.height, dtype=np.float32)[:, None]
    return across, down


def glow(size: Size, *, x: float, y: float, radius: float, power: float = 2.0) -> Plane:
    """Return light around a place, 1 in the middle. `radius` is in fractions of the height."""
    across, down = grid(size)
    squared = ((across - x) * size.width / size.height) ** 2 + (down - y) ** 2
    return np.asarray(np.exp(-((np.sqrt(squared) / radius) ** power)), np.float32)


def disc(size: Size, *, x: float, y: float, radius: float, soft_px: float = 1.5) -> Plane:
    """Return a disc with a soft rim. `radius` is in fractions of the height."""
    across, down = grid(size)
    squared = ((across - x) * size.width / size.height) ** 2 + (down - y) ** 2
    away = (np.sqrt(squared) - radius) * size.height / soft_px
    return np.asarray(np.clip(0.5 - away, 0, 1), np.float32)


def profile(
    size: Size,
    rng: Rng,
    *,
    base: float,
    height: float,
    cells: float,
    fade: float = 0.5,
    octaves: int = 7,
) -> NDArray[np.float32]:
    """Return a skyline: for each column the height, in fractions from above, where ground begins."""
    line = np.zeros(size.width, np.float32)
    weight = 1.0
    for _ in range(octaves):
        points = rng.random(max(2, round(cells)) + 3).astype(np.float32)[None]
        line += weight * cv2.resize(points, (size.width, 1), interpolation=cv2.INTER_CUBIC)[0]
        weight, cells = weight * fade, cells * 2
        if cells > size.width / 3:
            break
    line = (line - line.min()) / max(float(np.ptp(line)), 1e-6)
    return np.asarray(base - height * line, np.float32)


def below(size: Size, line: NDArray[np.float32], *, soft_px: float = 1.2) -> Plane:
    """Return what lies below a skyline: 1 there, 0 above it."""
    rows = np.arange(size.height, dtype=np.float32)[:, None]
    return np.asarray(np.clip((rows - line[None] * size.height) / soft_px + 0.5, 0, 1), np.float32)


def smooth(plane: Plane, low: float, high: float) -> Plane:
    """Return 0 below `low`, 1 above `high`, and a smooth step between."""
    at = np.clip((plane - low) / (high - low), 0, 1)
    return np.asarray(at * at * (3 - 2 * at), np.float32)


def mix(picture: Picture, tone: Colour | Picture, mask: Plane) -> Picture:
    """Return the picture with another colour or picture where the mask is."""
    other = np.asarray(tone, np.float32)
    return np.asarray(picture + (other - picture) * mask[..., None], np.float32)


def light(picture: Picture, tone: Colour, mask: Plane) -> Picture:
    """Return the picture with light on it, as a screen adds it: it never burns out."""
    shine = np.asarray(tone, np.float32) * mask[..., None]
    return np.asarray(1 - (1 - picture) * (1 - np.clip(shine, 0, 1)), np.float32)


def blur(picture: Picture, sigma_px: float) -> Picture:
    """Return the picture out of focus."""
    if sigma_px < 0.3:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def dots(
    size: Size,
    rng: Rng,
    *,
    count: int,
    radius_px: tuple[float, float],
    lower: float = 1.0,
    power: float = 3.0,
) -> Plane:
    """Return so many small round lights of uneven strength in the upper part of a picture."""
    plane = np.zeros((size.height, size.width), np.float32)
    for _ in range(count):
        place = (rng.uniform(0, size.width) * 16, rng.uniform(0, size.height * lower) * 16)
        radius = rng.uniform(*radius_px)
        strength = float(0.15 + 0.85 * rng.random() ** power)
        where = (round(place[0]), round(place[1]))
        cv2.circle(plane, where, round(radius * 16), strength, -1, cv2.LINE_AA, 4)
    return plane


def to_image(picture: Picture, rng: Rng | None = None) -> Image:
    """Return a picture as uint8, dithered so that wide gradients do not show steps."""
    levels = picture * 255
    if rng is not None:
        levels = levels + rng.random(picture.shape[:2], np.float32)[..., None]
    return np.asarray(np.clip(levels, 0, 255), np.uint8)


def to_plane(plane: Plane) -> Image:
    """Return a plane as uint8."""
    return np.asarray(np.clip(plane * 255 + 0.5, 0, 255), np.uint8)
