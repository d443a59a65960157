"""Paint: the colour, shine and light of what the camera sees, for one expression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from script.story.people.camera import HEIGHT_PX, UNIT_PX, WIDTH_PX, View
from script.story.people.looks import Look, Material
from script.story.people.solid import Array

EDGE = 1.0 / UNIT_PX  # Half the width of a painted edge.
EYE = (0.288, 0.075)
EYE_WIDTH = 0.170
MOUTH_WIDTH = 0.225
MOUTH_Y = -0.535
GAMMA = 2.0  # Near enough to sRGB's, and a square root is quick.


@dataclass(frozen=True)
class Expression:
    """How open the mouth is and how closed the eyes are, each from 0 to 1."""

    mouth: float = 0.0
    blink: float = 0.0


def linear(colour: str) -> Array:
    """Return an sRGB colour `#rrggbb` as linear light, red first."""
    digits = colour.removeprefix("#")
    values = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    return np.array(values, np.float32) ** np.float32(GAMMA)


class Portrait:
    """One view of a person, lit. Only eyes and mouth are painted anew for each expression."""

    def __init__(self, view: View, look: Look) -> None:
        self._look = look
        strands = _strands(view)
        colour = _base_colours(view, look)
        colour *= np.where(view.materials == Material.HAIR, 1 + 0.22 * strands, 1)[:, None]
        face = _face_pixels(view)
        self._at = view.own[face]
        self._skin = _brows(_skin_marks(colour[face], self._at, look), self._at, look)
        colour[face] = self._skin
        light, shine = _light(view, strands)
        seam = _seam(view)
        self._base = _developed(view, _to_srgb(colour * light + shine), seam, look)
        # The outlines were smoothed in the base, and stay.
        inner = seam[view.rows[face], view.columns[face]] == 0
        self._face = np.flatnonzero(inner)
        face = face[inner]
        self._light, self._shine = light[face], shine[face]
        self._rows, self._columns = view.rows[face], view.columns[face]

    def picture(self, expression: Expression) -> NDArray[np.uint8]:
        """Return the frame, shape (720, 960, 3), blue first, before the look's plain backdrop."""
        painted, at = self._skin[self._face], self._at[self._face]
        painted, glint = _eyes(painted, at, self._look, expression.blink)
        painted = _mouth(painted, at, self._look, expression.mouth)
        lit = painted * self._light + self._shine + 0.9 * glint[:, None]
        frame = self._base.copy()
        frame[self._rows, self._columns] = (_to_srgb(lit)[:, ::-1] * 255 + 0.5).astype(np.uint8)
        return frame


def _base_colours(view: View, look: Look) -> Array:
    table = np.zeros((8, 3), np.float32)
    table[Material.SKIN] = table[Material.NECK] = linear(look.skin)
    table[Material.HAIR] = linear(look.hair)
    table[Material.CLOTH] = linear(look.cloth)
    table[Material.TRIM] = linear(look.trim)
    table[Material.METAL] = linear(look.metal)
    table[Material.FRAME] = linear(look.frame)
    return np.asarray(table[view.materials], np.float32)


def _face_pixels(view: View) -> NDArray[np.int64]:
    x, y, z = view.own.T
    skin = view.materials == Material.SKIN
    return np.flatnonzero(skin & (z > -0.08) & (np.abs(x) < 0.80) & (y > -1.1) & (y < 0.6))


def _strands(view: View) -> Array:
    x, y, z = view.own.T
    around = np.arctan2(x, z + 0.3)
    fine = np.sin(around * 61 + 5 * np.sin(y * 4)) + 0.8 * np.sin(around * 139 + y * 11)
    return np.asarray(fine * 0.5, np.float32)


def _mix(first: Array, second: Array, share: Array) -> Array:
    return np.asarray(first + (second - first) * share[:, None], np.float32)


def _ramp(start: float, end: float, value: Array) -> Array:
    share = np.clip((value - start) / (end - start), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _below(value: Array, softness: float = EDGE) -> Array:
    """Return 1 where `value` is negative and 0 where it is positive, with a soft edge."""
    return _ramp(softness, -softness, value)


def _bump(value: Array, width: float) -> Array:
    return np.asarray(np.exp(-((value / width) ** 2)), np.float32)


def _skin_marks(colour: Array, at: Array, look: Look) -> Array:
    x, y, z = at.T
    side = np.abs(x)
    cheek = np.exp(-((side - 0.38) ** 2 + (y + 0.24) ** 2) / 0.030)
    nose = 0.5 * np.exp(-(x**2 + (y + 0.18) ** 2) / 0.012) * (z > 0.7)
    colour = _mix(colour, linear(look.blush), (0.30 * (cheek + nose)).astype(np.float32))
    nostril = 0.6 * _bump(side - 0.068, 0.028) * _bump(y + 0.262, 0.018) * (z > 0.5)
    colour = _mix(colour, colour * 0.25, nostril)
    if look.freckles:
        cell = np.sin(x * 91.7 + 3 * np.sin(y * 43.1)) * np.sin(y * 87.3 + 3 * np.sin(x * 51.9))
        where = np.exp(-((side - 0.26) ** 2) / 0.035 - (y + 0.14) ** 2 / 0.012)
        dots = _ramp(0.72, 0.86, cell) * where
        colour = _mix(colour, linear("#b0623a"), (0.55 * look.freckles * dots).astype(np.float32))
    if look.lines:
        bend = side - 0.25 - 0.25 * (-0.30 - y)
        smile = _bump(bend, 0.018) * _ramp(-0.56, -0.46, y) * _ramp(-0.24, -0.32, y)
        crow = _bump(np.sin((y - 0.02) * 46 + 3 * side), 0.45) * _bump(side - 0.53, 0.045)
        crow = crow * _bump(y - 0.05, 0.08)
        colour = _mix(colour, colour * 0.55, 0.55 * smile + 0.35 * crow.astype(np.float32))
    if look.beard:
        line = -0.33 + 0.42 * _ramp(0.46, 0.12, z) * _ramp(-0.06, 0.06, z)
        jaw = _ramp(0.05, -0.04, y - line - 0.012 * np.sin(29 * x + 23 * y))
        grain = 0.92 + 0.08 * np.sin(x * 123 + 7 * z) * np.sin(y * 61 - 31 * z)
        lips = 1 - _ramp(1.25, 0.95, np.hypot(x / 0.21, (y - MOUTH_Y) / 0.095))
        upper = 1 - _bump(x, 0.05) * _ramp(-0.50, -0.42, y) * 0.6
        colour = _mix(
            colour, linear(look.hair) * 1.15,
            (0.86 * look.beard * jaw * grain * lips * upper).astype(np.float32),
        )  # fmt: skip
    return colour


def _eyes(colour: Array, at: Array, look: Look, blink: float) -> tuple[Array, Array]:
    x, y, z = at.T
    side, up = np.abs(x) - EYE[0], y - EYE[1]
    along = np.clip(side / EYE_WIDTH, -1, 1)
    tilt = 0.018 * along
    lower = -0.080 * (1 - np.abs(along) ** 2.4) + tilt
    upper = (1 - blink) * 0.122 * (1 - np.abs(along) ** 2.2) - blink * 0.055 * (1 - along**2)
    upper = np.maximum(upper + tilt, lower)
    ahead = z > 0.3
    white = _below(up - upper) * _below(lower - up) * _below(np.abs(side) - EYE_WIDTH) * ahead
    eye = np.empty_like(colour)
    eye[:] = linear("#f6f1ea")
    eye *= (0.66 + 0.34 * _ramp(0, 0.075, upper - up))[:, None]
    gaze = x - np.sign(x) * 0.283
    from_iris = np.hypot(gaze, up - 0.016)
    eye = _mix(eye, linear(look.iris) * 0.45, _below(from_iris - 0.104))
    glow = _below(from_iris - 0.090) * (0.35 + 0.65 * _ramp(0.08, -0.07, up))
    eye = _mix(eye, np.minimum(linear(look.iris) * 1.9, 1), glow)
    eye = _mix(eye, linear("#0b0807"), _below(from_iris - 0.048))
    colour = _mix(colour, eye, white)
    glint = _below(np.hypot(gaze + 0.034, up - 0.055) - 0.025) * white
    glint += 0.35 * _below(np.hypot(gaze - 0.034, up + 0.020) - 0.013) * white
    wing = 0.020 * look.lashes * np.maximum(along, 0)
    thick = 0.014 + 0.012 * look.lashes * (1 + along) / 2
    reach = _below(np.abs(side) - EYE_WIDTH - 0.012 - wing, 2 * EDGE) * ahead
    lid = _below(np.abs(up - upper - 0.6 * thick - wing) - thick) * reach
    colour = _mix(colour, linear("#170d0b"), 0.96 * lid)
    span = _ramp(0, 0.3, 1 - np.abs(along)) * ahead
    crease = 0.40 * _bump(up - upper - 0.070, 0.016) * span
    under = 0.32 * _bump(up - lower + 0.012, 0.016) * span
    return _mix(colour, colour * 0.42, np.maximum(crease, under)), glint


def _brows(colour: Array, at: Array, look: Look) -> Array:
    x, y, z = at.T
    along = (np.abs(x) - 0.12) / 0.40
    inside = np.clip(along, 0, 1)
    middle = 0.318 + 0.070 * np.sin(inside * 2.4) - 0.035 * inside
    half = 0.036 * look.brow_px * (1 - 0.60 * inside)
    brow = _below(np.abs(y - middle) - half, 2.5 * EDGE) * _ramp(-0.04, 0.05, along)
    brow *= _ramp(1.04, 0.96, along) * (z > 0.2)
    return _mix(colour, linear(look.hair) * 0.9, (0.93 * brow).astype(np.float32))


def _mouth(colour: Array, at: Array, look: Look, mouth: float) -> Array:
    x, y, z = at.T
    half = MOUTH_WIDTH * (1 - 0.10 * mouth)
    along = np.clip(x / half, -1, 1)
    middle = MOUTH_Y + 0.042 * along**2 * (1 - 0.4 * mouth)
    gap = 0.135 * mouth * (1 - along**2)
    bow = 1 - 0.28 * np.asarray(np.exp(-((along / 0.2) ** 2)))
    top = middle + 0.052 * (1 - np.abs(along) ** 1.8) * bow
    bottom = middle - gap - 0.070 * (1 - along**2)
    ahead = (np.abs(x) < half + EDGE) & (z > 0.3)
    lips = _below(y - top, 1.5 * EDGE) * _below(bottom - y, 1.5 * EDGE) * ahead
    shade = 1 + 0.25 * _bump(y - bottom - 0.035, 0.02)
    colour = _mix(colour, linear(look.lip) * shade[:, None], 0.88 * lips)
    inner = _below(y - middle - 0.004) * _below(middle - gap - 0.007 - y) * ahead
    inside = np.empty_like(colour)
    inside[:] = linear("#34100f")
    if mouth > 0.05:
        teeth = _below(middle - 0.046 - y) * _ramp(0.18, 0.14, np.abs(x)) * min(1.0, 3 * mouth)
        inside = _mix(inside, linear("#f1e9de"), teeth.astype(np.float32))
        tongue = _below(y - middle + gap - 0.035 - 0.3 * x**2, 0.014) * min(1.0, 2 * mouth)
        inside = _mix(inside, linear("#a3453f"), tongue.astype(np.float32))
    corner = 0.35 * _bump(np.abs(x) - half, 0.022) * _bump(y - middle, 0.020) * (z > 0.3)
    return _mix(_mix(colour, inside, inner), colour * 0.4, corner.astype(np.float32) * (1 - inner))


def _unit(x: float, y: float, z: float) -> Array:
    vector = np.array([x, y, z], np.float32)
    return vector / np.linalg.norm(vector)


def _light(view: View, strands: Array) -> tuple[Array, Array]:
    """Return what falls on each point, and what it throws back without colouring it."""
    normal = view.normals
    skin = (view.materials == Material.SKIN) | (view.materials == Material.NECK)
    hair = view.materials == Material.HAIR
    hard = (view.materials == Material.METAL) | (view.materials == Material.FRAME)
    key = np.clip((normal @ _unit(-0.45, 0.55, 0.75) + 0.25) / 1.25, 0, 1)
    fill = np.clip((normal @ _unit(0.8, 0.1, 0.5) + 0.3) / 1.3, 0, 1)
    open_sky = _openness(view)
    light = key[:, None] * np.array([1.08, 1.01, 0.92], np.float32)
    light += fill[:, None] * np.array([0.20, 0.24, 0.29], np.float32)
    light += (0.18 + 0.09 * normal[:, 1])[:, None] * np.array([0.92, 0.96, 1.0], np.float32)
    under_skin = _bump(key - 0.25, 0.18) * skin
    light += under_skin[:, None] * np.array([0.11, 0.02, 0.0], np.float32)
    light *= open_sky[:, None]
    facing = np.clip(normal @ _unit(-0.24, 0.30, 0.92), 0, 1)
    to_8 = np.square(np.square(np.square(facing)))
    to_24 = to_8 * to_8 * to_8
    shine = np.where(skin, 0.09 * to_24, 0.02 * to_8)
    shine = np.where(hair, 0.10 * to_8 * facing * facing * (1 + 0.7 * strands), shine)
    shine = np.where(hard, 0.55 * to_24, shine) * open_sky
    rim = np.clip(1 - normal[:, 2], 0, 1)
    rim = rim * rim * rim * np.clip(normal @ _unit(0.6, 0.5, -0.4) + 0.3, 0, 1)
    glow = 0.5 * rim[:, None] * np.array([0.45, 0.50, 0.55], np.float32)
    return light, np.asarray(shine[:, None] + glow, np.float32)


def _to_srgb(lit: Array) -> Array:
    return np.asarray(np.sqrt(np.clip(lit, 0, 1)), np.float32)


def _openness(view: View) -> Array:
    """Return how much sky each point sees: less where its surroundings stand nearer."""
    height, width = HEIGHT_PX // 2, WIDTH_PX // 2
    depth = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    covered = np.zeros_like(depth)
    depth[view.rows, view.columns] = view.seen[:, 2]
    covered[view.rows, view.columns] = 1
    small = cv2.resize(depth, (width, height), interpolation=cv2.INTER_AREA)
    weight = cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA)
    sky = np.ones(len(view.rows), np.float32)
    for reach_px, strength in ((5.0, 3.6), (14.0, 2.0)):
        blurred = np.asarray(cv2.GaussianBlur(small, (0, 0), reach_px), np.float32)
        blurred /= np.maximum(cv2.GaussianBlur(weight, (0, 0), reach_px), 1e-3)
        around = cv2.resize(blurred, (WIDTH_PX, HEIGHT_PX))[view.rows, view.columns]
        sky /= 1 + strength * np.clip(around - view.seen[:, 2], 0, 0.5)
    return sky


def _seam(view: View) -> Array:
    """Return, for each pixel, how much it lies on an outline: 0 to 1."""
    depth = np.full((HEIGHT_PX, WIDTH_PX), -3, np.float32)
    depth[view.rows, view.columns] = view.seen[:, 2] + 0.25 * np.where(
        view.materials == Material.NECK, Material.SKIN, view.materials
    )
    step = cv2.morphologyEx(depth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(np.clip((step - 0.08) * 12, 0, 1), np.float32)


def _developed(view: View, shown: Array, seam: Array, look: Look) -> NDArray[np.uint8]:
    """Return the frame before the backdrop, with smooth outlines."""
    backdrop = [int(look.backdrop[place : place + 2], 16) / 255 for place in (5, 3, 1)]
    frame = np.full((HEIGHT_PX, WIDTH_PX, 3), backdrop, np.float32)
    frame[view.rows, view.columns] = shown[:, ::-1]
    frame += (cv2.GaussianBlur(frame, (0, 0), 0.85) - frame) * seam[..., None]
    return np.ascontiguousarray(frame * 255 + 0.5).astype(np.uint8)
