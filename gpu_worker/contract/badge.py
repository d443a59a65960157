"""The visible mark: what the badge looks like, and where it stands at each moment.

Two badges stand in diagonally opposite quarters of the frame, and change to the other two quarters
every 1.8 seconds, so that no quarter is without one for two seconds. Shared by the worker, which
draws it, and the service, which looks for it in each finished file. Exact: docs/spec/marks.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

STAY_S: Final = 1.8
FADE_S: Final = 0.2
MARGIN_SHARE: Final = 0.03  # Of the frame's shorter side, kept free at its edges.
DRIFT_SHARE: Final = 0.02  # Of the frame's width, moved during one stay.
WIDTH_SHARE: Final = 0.27  # Of the frame's width at most, a quarter in practice: 80 pixels of 320.
TEXT_LENGTH_MAX: Final = 40
_SAMPLES: Final = 4  # Supersampling of the drawn shapes.
_QUARTERS: Final = (((0, 0), (1, 1)), ((1, 0), (0, 1)))


@dataclass(frozen=True)
class Placement:
    """Where one badge stands: its left upper corner in pixels, and how much of it shows (0 to 1)."""

    left_px: float
    top_px: float
    opacity: float


def text_of(service: str, reference: str) -> str:
    """Return the badge's text: the service above the render's reference."""
    return f"{service}\n{reference}"


@lru_cache(maxsize=16)
def picture(text: str, width_px: int, height_px: int) -> NDArray[np.float32]:
    """Return the badge for frames of this size: RGBA, premultiplied, float32 in 0 to 1.

    Raises:
        ValueError: the text has not one or two lines, or more than 40 characters.
    """
    lines = text.split("\n")
    if not 0 < len(text) <= TEXT_LENGTH_MAX or len(lines) > 2:
        raise ValueError("a badge has one or two lines, and at most 40 characters")
    target_px = min(width_px * WIDTH_SHARE, width_px / 2 - 4)
    size_px = max(8.0, target_px / 9.0)
    drawn = _drawn(lines, size_px)
    limits = (width_px / 2 * 0.9, height_px / 2 * 0.8)
    shrink = min(1.0, limits[0] / drawn.width, limits[1] / drawn.height)
    if shrink < 1.0:
        drawn = _drawn(lines, size_px * shrink * 0.98)
    pixels = np.asarray(drawn, np.float32) / 255.0
    pixels[..., :3] *= pixels[..., 3:]
    return pixels


def placements(
    *, at_s: float, frame_px: tuple[int, int], badge_px: tuple[int, int]
) -> tuple[Placement, ...]:
    """Return where the badges stand `at_s` seconds after the start: two, or four while they change.

    Args:
        at_s: Seconds since the first frame.
        frame_px: Width and height of the frame.
        badge_px: Width and height of the badge.
    """
    stay = int(at_s // STAY_S)
    into_s = at_s - stay * STAY_S
    standing = _stay(stay, into_s, 1.0, frame_px, badge_px)
    if stay > 0 and into_s < FADE_S:
        share = into_s / FADE_S
        leaving = _stay(stay - 1, into_s + STAY_S, 1.0 - share, frame_px, badge_px)
        return tuple(
            Placement(one.left_px, one.top_px, max(share, 0.02)) for one in standing
        ) + tuple(leaving)
    return standing


def _stay(
    stay: int,
    into_s: float,
    opacity: float,
    frame_px: tuple[int, int],
    badge_px: tuple[int, int],
) -> tuple[Placement, ...]:
    """Return both badges of one stay, spread over their quarters by the golden ratio."""
    places = []
    margin = MARGIN_SHARE * min(frame_px)
    for quarter, (column, row) in enumerate(_QUARTERS[stay % 2]):
        turn = (stay // 2) * 2 + quarter
        spot = (math.modf(0.15 + turn * 0.6180339887)[0], math.modf(0.3 + turn * 0.7548776662)[0])
        drift = DRIFT_SHARE * frame_px[0] * (into_s / STAY_S - 0.5) * (1 if turn % 2 else -1)
        corner = []
        for axis, side in enumerate((column, row)):
            half = frame_px[axis] / 2
            low = margin if side == 0 else half
            high = (half if side == 0 else frame_px[axis] - margin) - badge_px[axis]
            wanted = low + spot[axis] * (high - low) + (drift if axis == 0 else drift / 2)
            corner.append(min(max(wanted, min(low, high)), max(low, high)))
        places.append(Placement(corner[0], corner[1], opacity))
    return tuple(places)


def _drawn(lines: list[str], size_px: float) -> Image.Image:
    """Draw the pill, the sign and the lines, in Pillow's own face (Aileron, CC0)."""
    big = size_px * _SAMPLES
    first = ImageFont.load_default(big)
    second = ImageFont.load_default(big * 0.88)
    fonts = [first, second][: len(lines)]
    widths = [font.getlength(line) for font, line in zip(fonts, lines, strict=True)]
    pad, sign_px = big * 0.55, big * (1.5 if len(lines) == 2 else 1.05)
    height = big * (2.75 if len(lines) == 2 else 1.8)
    width = pad + sign_px + big * 0.4 + max(widths) + pad * 1.1
    image = Image.new("RGBA", (round(width), round(height)), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    edge = max(1, round(big * 0.06))
    box = (0, 0, image.width - 1, image.height - 1)
    draw.rounded_rectangle(
        box, height * 0.32, fill=(14, 16, 24, 118), outline=(255, 255, 255, 80), width=edge
    )
    _draw_sign(draw, pad, (height - sign_px) / 2, sign_px)
    left = pad + sign_px + big * 0.4
    for number, (font, line) in enumerate(zip(fonts, lines, strict=True)):
        middle = height * ((0.32, 0.69)[number] if len(lines) == 2 else 0.5)
        ink = (255, 255, 255, 240 if number == 0 else 225)
        draw.text((left, middle), line, fill=ink, font=font, anchor="lm")
    size = (max(1, round(width / _SAMPLES)), max(1, round(height / _SAMPLES)))
    return image.resize(size, Image.Resampling.BOX)


def _draw_sign(draw: ImageDraw.ImageDraw, left: float, top: float, side: float) -> None:
    """Draw the service's sign: a ring, and a tick that leaves it."""
    stroke = max(1, round(side * 0.11))
    ink = (255, 255, 255, 235)
    inset = side * 0.04
    draw.arc(
        (left + inset, top + inset, left + side - inset, top + side - inset),
        start=-10, end=290, fill=ink, width=stroke,
    )  # fmt: skip
    points = [(0.28, 0.50), (0.46, 0.68), (0.92, 0.14)]
    path = [(left + x * side, top + y * side) for x, y in points]
    draw.line(path, fill=ink, width=round(stroke * 1.25), joint="curve")
    for x, y in (path[0], path[-1]):
        radius = stroke * 0.62
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
