"""A city: rows of houses with lit windows, a wet street's glow, lamps out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from gpu_worker.backends.studio import painting, skies
from gpu_worker.backends.studio.effects import Motes, Twinkle
from gpu_worker.backends.studio.layers import Layer, Size
from gpu_worker.backends.studio.painting import Picture, Plane, Rng, colour
from gpu_worker.backends.studio.scenes import Light, Scene, Setting

STREET = 0.72  # Where the houses end.
WINDOWS = ("ffd9a0", "ffe9c8", "ffb45e", "cfe4ff")
NEON = ("ff3f8e", "39d0ff", "a06bff", "ffb13d", "47f0b0")
# The houses' colour far and near, and how many windows are lit.
HOUSES = {
    "night": ("26305a", "080b1a", 0.34),
    "sunset": ("8a5478", "2b1d3a", 0.2),
    "dawn": ("a98f9a", "4a4a62", 0.12),
    "day": ("a9c0d6", "4d6278", 0.03),
}
LIGHT_NIGHT = Light((0.92, 0.88, 1.0), (0.62, 0.28, 0.52), 0.7, 0.35)


def city(size: Size, rng: Rng, setting: Setting) -> Scene:
    """Return a skyline at its hour, seen over a street."""
    far, near, lit = HOUSES[setting.hour]
    picture = skies.sky(size, rng, setting, horizon=STREET, sun_x=float(rng.uniform(0.15, 0.85)))
    glows = np.zeros_like(picture)
    rows = ((0.38, 0.30, 0.0), (0.46, 0.36, 0.45), (0.60, 0.40, 1.0))
    for step, (height, spread, share) in enumerate(rows):
        tone = np.asarray(colour(far)) * (1 - share) + np.asarray(colour(near)) * share
        picture, windows = _row(
            picture, size, rng, height=height * 0.62, spread=spread * 0.5, tone=tone,
            lit=lit * (0.55, 0.8, 1.0)[step], unit=(0.55, 0.8, 1.15)[step],
        )  # fmt: skip
        glows += windows
        haze = np.asarray(colour(skies.STOPS[setting.hour][-1][1]), np.float32)
        foot = painting.glow(size, x=0.5, y=STREET, radius=0.22, power=1.6) * (1 - share)
        picture = painting.mix(picture, haze, 0.42 * foot)
    is_dark = setting.hour == "night"
    signs = _signs(size, rng, count={"night": 9, "sunset": 4}.get(setting.hour, 0))
    glows += signs
    halo = (
        painting.blur(glows, size.height / 60) * 0.9 + painting.blur(glows, size.height / 22) * 0.8
    )
    picture = np.clip(picture + glows + halo * (1.0 if is_dark else 0.35), 0, 1)
    picture = _street(picture, size, rng, wet=is_dark or setting.rain)
    still = painting.to_image(painting.blur(picture, size.height / 480), rng)
    light = LIGHT_NIGHT if is_dark else skies.LIGHTS[setting.hour]
    scene = Scene([Layer(still.copy(), None, 4.0)], light, "city")
    if is_dark:
        pair = (_blinking(glows, size, rng), _blinking(glows, size, rng))
        part = round(size.height * (STREET + 0.02))
        scene.animations.append(
            Twinkle(0, still[:part].copy(), (pair[0][:part], pair[1][:part]), 3.6)
        )
    tones = [colour(code) for code in (NEON if is_dark else WINDOWS)]
    scene.motes = Motes.scattered(
        size, rng, count=16 if is_dark else 6, radius=(0.018, 0.05), tones=tones,
        strength=0.34 if is_dark else 0.16, lower=(0.55, 0.95), hollow=True,
    )  # fmt: skip
    return scene


def _row(
    picture: Picture, size: Size, rng: Rng, *, height: float, spread: float,
    tone: painting.Plane, lit: float, unit: float,
) -> tuple[Picture, Picture]:  # fmt: skip
    """Paint one row of houses; return the picture, and the light of its windows."""
    picture, windows = picture.copy(), np.zeros_like(picture)
    bottom, left = round(STREET * size.height), -10
    while left < size.width:
        wide = int(size.height * rng.uniform(0.06, 0.15) * (0.7 + 0.5 * unit))
        tall = height + spread * float(rng.random() ** 1.6) - spread * 0.35
        top = max(4, round(bottom - tall * size.height))
        shade = np.asarray(tone * rng.uniform(0.82, 1.12), np.float32)
        right = min(left + wide, size.width)
        begin = max(left, 0)
        if right > begin:
            fall = np.linspace(1.12, 0.86, bottom - top, dtype=np.float32)[:, None, None]
            picture[top:bottom, begin:right] = shade * fall
            picture[top:bottom, max(begin, right - max(1, wide // 14)) : right] *= 0.8
            _roof(picture, rng, left=begin, right=right, top=top, tone=shade)
            _windows(windows, rng, (begin, top, right, bottom), lit=lit, unit=unit, size=size)
        left += wide + int(rng.integers(0, max(2, wide // 10)))
    return picture, windows


def _roof(
    picture: Picture,
    rng: Rng,
    *,
    left: int,
    right: int,
    top: int,
    tone: painting.Plane,
) -> None:
    middle, kind = (left + right) // 2, rng.random()
    wide = right - left
    if kind < 0.25:
        cv2.line(
            picture, (middle, top), (middle, max(0, top - wide // 2)), tone.tolist(), 2, cv2.LINE_AA
        )
    elif kind < 0.5:
        picture[max(0, top - wide // 7) : top, left + wide // 5 : right - wide // 4] = tone


def _windows(
    lights: Picture,
    rng: Rng,
    house: tuple[int, int, int, int],
    *,
    lit: float,
    unit: float,
    size: Size,
) -> None:
    left, top, right, bottom = house
    step = max(4, round(size.height * 0.0125 * unit))
    tall, wide = max(2, round(step * 0.55)), max(1, round(step * 0.42))
    warm = colour(WINDOWS[int(rng.integers(len(WINDOWS)))])
    for y in range(top + step, bottom - step, round(step * 1.25)):
        floor = rng.random() < 0.08
        for x in range(left + step // 2, right - wide - 1, step):
            if rng.random() < (lit * 2.2 if floor else lit):
                glow = rng.uniform(0.35, 0.95)
                tone = warm if rng.random() < 0.85 else colour(WINDOWS[3])
                lights[y : y + tall, x : x + wide] = [glow * one for one in tone]


def _signs(size: Size, rng: Rng, *, count: int) -> Picture:
    """Return neon signs along the street: upright tubes and frames."""
    picture = np.zeros((size.height, size.width, 3), np.float32)
    for _ in range(count):
        x, y = int(rng.uniform(0.02, 0.96) * size.width), int(rng.uniform(0.42, 0.64) * size.height)
        wide, tall = (
            int(size.height * rng.uniform(0.008, 0.02)),
            int(size.height * rng.uniform(0.03, 0.09)),
        )
        if rng.random() < 0.35:
            wide, tall = tall, wide
        tone = [0.95 * one for one in colour(NEON[int(rng.integers(len(NEON)))])]
        thick = max(1, size.height // 400)
        cv2.rectangle(picture, (x, y), (x + wide, y + tall), tone, thick, cv2.LINE_AA)
        inner = [0.35 * one for one in tone]
        cv2.rectangle(picture, (x + 2, y + 2), (x + wide - 2, y + tall - 2), inner, -1)
    return picture


def _street(picture: Picture, size: Size, rng: Rng, *, wet: bool) -> Picture:
    """Mirror the houses in the street: broken by ripples when it is wet, faint when dry."""
    top = round(STREET * size.height)
    rows = size.height - top
    mirror = picture[max(0, top - rows) : top][::-1]
    mirror = cv2.resize(mirror, (size.width, rows))
    smeared = cv2.blur(mirror, (max(3, size.width // 160), max(3, rows // 5)))
    shake = painting.noise(Size(size.width, rows), rng, cells=20, octaves=3, stretch=7.0)
    asphalt = np.asarray(colour("0b0d16"), np.float32)
    share: Plane = (0.75 if wet else 0.25) * (0.55 + 0.45 * shake)
    base = asphalt + (picture[top - 2].mean(axis=0) * 0.25)
    picture = picture.copy()
    picture[top:] = base * (1 - share[..., None]) + smeared * share[..., None]
    return picture


def _blinking(lights: Picture, size: Size, rng: Rng) -> painting.Plane:
    """Return some of the lights, each wholly or not at all, to be added on top as they glow."""
    cells = Size(max(2, size.width // 24), max(2, size.height // 24))
    chosen = (rng.random((cells.height, cells.width)) < 0.16).astype(np.float32)
    mask = cv2.resize(chosen, (size.width, size.height), interpolation=cv2.INTER_NEAREST)
    shown = painting.blur(lights * mask[..., None] * 0.5, size.height / 420)
    return painting.to_image(np.clip(shown, 0, 1))
