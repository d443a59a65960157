"""Landscapes: a beach, mountains, a forest."""

from __future__ import annotations

import cv2
import numpy as np

from gpu_worker.backends.studio import painting, skies
from gpu_worker.backends.studio.effects import Motes, Water
from gpu_worker.backends.studio.layers import Image, Layer, Size, premultiplied
from gpu_worker.backends.studio.painting import Colour, Picture, Plane, Rng, colour
from gpu_worker.backends.studio.scenes import Scene, Setting

SEA = {
    "day": ("8cc9dc", "1f6f96"),
    "sunset": ("e79b78", "4a3568"),
    "dawn": ("e8c3b4", "4f6c90"),
    "night": ("33416e", "0a1230"),
}
SAND = {"day": "e2cfa4", "sunset": "b98a6c", "dawn": "cdb49a", "night": "3a3c52"}
HAZE = {"day": "cfe2ef", "sunset": "f6a878", "dawn": "f6d2bc", "night": "2b3760"}
FOLIAGE = {"day": "3f6b2f", "sunset": "5a3d2c", "dawn": "4f6650", "night": "0d1a22"}


def beach(size: Size, rng: Rng, setting: Setting) -> Scene:
    """Return sky, a sea that glitters under the sun, and sand."""
    horizon, shore = 0.5, 0.8
    sun_x = float(rng.uniform(0.3, 0.7))
    picture = skies.sky(size, rng, setting, horizon=horizon, sun_x=sun_x)
    picture = _far_coast(picture, size, rng, setting, horizon=horizon)
    top, bottom = round(size.height * horizon), round(size.height * (shore + 0.06))
    near, deep = SEA[setting.hour]
    water = painting.ramp(
        Size(size.width, bottom - top), [(0.0, near), (0.28, deep), (0.72, deep), (1.0, near)]
    )
    ripples = painting.noise(Size(size.width, bottom - top), rng, cells=22, octaves=4, stretch=9.0)
    water = np.asarray(water * (0.9 + 0.2 * ripples[..., None]), np.float32)
    picture[top:bottom] = water
    still = painting.to_image(picture, rng)
    across = np.linspace(0, 1, size.width, dtype=np.float32)[None]
    down = np.linspace(0, 1, bottom - top, dtype=np.float32)[:, None]
    path = np.exp(-(((across - sun_x) / (0.05 + 0.2 * down)) ** 2))
    sun = np.asarray((0.12 + 0.88 * path) * (1 - 0.55 * down), np.float32)
    strength = {"day": 0.75, "sunset": 1.0, "dawn": 0.85, "night": 0.5}[setting.hour]
    tone: Colour = tuple(strength * one for one in colour(skies.SUN[setting.hour]))  # type: ignore[assignment]  # Three stay three.
    scene = Scene([Layer(still, None, 4.0)], skies.LIGHTS[setting.hour], "sea")
    scene.animations.append(
        Water(size, rng, still=still[top:bottom].copy(), top=top, tint=tone, sun=sun)
    )
    scene.layers.append(_sand(size, rng, setting, shore=shore))
    return scene


def mountains(size: Size, rng: Rng, setting: Setting) -> Scene:
    """Return ranges that fade into the air, with snow on the far ones and pines on the near one."""
    horizon = 0.66
    sky = skies.sky(size, rng, setting, horizon=horizon, sun_x=float(rng.uniform(0.2, 0.8)))
    haze = colour(HAZE[setting.hour])
    dark = colour(
        {"day": "34506e", "sunset": "4a2f55", "dawn": "4a5878", "night": "0a1128"}[setting.hour]
    )
    white = colour(
        {"day": "f6fafd", "sunset": "ffc6a6", "dawn": "ffe6da", "night": "6a7aa8"}[setting.hour]
    )
    picture = sky
    for step, (base, height, cells) in enumerate(
        ((0.60, 0.34, 3.2), (0.68, 0.24, 4.2), (0.76, 0.17, 5.5))
    ):
        line = painting.profile(size, rng, base=base, height=height, cells=cells, fade=0.52)
        near = 0.35 + 0.25 * step
        snow = 1.0 if setting.snow else (0.85, 0.25, 0.0)[step]
        picture = _range(
            picture, size, rng, line=line, ground=_between(haze, dark, near), snow=white,
            snow_share=snow, haze=haze,
        )  # fmt: skip
    scene = Scene(
        [Layer(painting.to_image(painting.blur(picture, size.height / 1100), rng), None, 5.0)],
        skies.LIGHTS[setting.hour],
        "wind",
    )
    ground = white if setting.snow else colour(FOLIAGE[setting.hour])
    scene.layers.append(_meadow(size, rng, ground=ground, dark=dark, snow=setting.snow))
    return scene


def forest(size: Size, rng: Rng, setting: Setting) -> Scene:
    """Return trunks in rows that fade into mist, beams of light, and motes in them."""
    hour = setting.hour
    misty = {"day": "d7e6c0", "sunset": "f0b878", "dawn": "e6dcc4", "night": "223a48"}[hour]
    deep = {"day": "14291a", "sunset": "2a1a16", "dawn": "1f2c28", "night": "04090e"}[hour]
    green = {"day": "4f7a3a", "sunset": "80552c", "dawn": "5a7150", "night": "10242a"}[hour]
    mist, dark, leaf = colour(misty), colour(deep), colour(green)
    picture = painting.ramp(size, [(0.0, green), (0.4, misty), (0.62, misty), (1.0, green)])
    crown = painting.noise(size, rng, cells=8, octaves=6)
    picture = painting.mix(picture, leaf, 0.5 * painting.smooth(crown, 0.35, 0.8))
    source = float(rng.uniform(0.3, 0.7))
    picture = painting.light(
        picture, mist, 0.75 * painting.glow(size, x=source, y=0.3, radius=0.5, power=1.5)
    )
    for step in range(4):
        near = (step + 1) / 4.4
        tone = _between(mist, dark, near**1.3)
        picture = painting.mix(picture, tone, _trunks(size, rng, near=near))
        canopy = painting.noise(size, rng, cells=5 + 3 * step, octaves=6)
        down = np.broadcast_to(painting.grid(size)[1], canopy.shape)
        hanging = painting.smooth(canopy - down * (2.6 - 0.3 * step), 0.02, 0.16)
        picture = painting.mix(
            picture, _between(_between(mist, leaf, 0.4), dark, near), hanging * 0.95
        )
        bank = painting.noise(size, rng, cells=3, octaves=4, stretch=4)
        low = painting.smooth(down, 0.45, 0.75) * (1 - painting.smooth(down, 0.8, 0.95))
        picture = painting.mix(picture, mist, 0.3 * bank * low * (1 - near * 0.7))
    picture = painting.light(picture, mist, 0.34 * _beams(size, rng, x=source))
    scene = Scene(
        [Layer(painting.to_image(painting.blur(picture, size.height / 520), rng), None, 4.0)],
        skies.LIGHTS[hour],
        "forest",
    )
    fern = colour({"day": "2f5a26", "sunset": "4a3420", "dawn": "3a5238", "night": "0a181a"}[hour])
    scene.layers.append(_meadow(size, rng, ground=fern, dark=dark, snow=setting.snow))
    tones: list[Colour] = [(1.0, 0.95, 0.7), (0.9, 1.0, 0.75)]
    scene.motes = Motes.scattered(
        size, rng, count=34, radius=(0.003, 0.009), tones=tones, strength=0.55
    )
    return scene


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def _far_coast(
    picture: Picture, size: Size, rng: Rng, setting: Setting, *, horizon: float
) -> Picture:
    line = painting.profile(size, rng, base=horizon + 0.004, height=0.055, cells=3, fade=0.45)
    across = np.linspace(0, 1, size.width, dtype=np.float32)
    side = across if rng.random() < 0.5 else 1 - across
    line = horizon + 0.002 - (horizon + 0.002 - line) * np.clip((side - 0.45) * 2.6, 0, 1)
    coast = painting.below(size, line.astype(np.float32))
    tone = _between(colour(HAZE[setting.hour]), colour(SEA[setting.hour][1]), 0.45)
    return painting.mix(picture, tone, coast * 0.85)


def _sand(size: Size, rng: Rng, setting: Setting, *, shore: float) -> Layer:
    """Return the beach before the sea: wet sand and foam at its edge, then dry sand with grain."""
    line = painting.profile(
        size, rng, base=shore + 0.02, height=0.035, cells=2.2, fade=0.35, octaves=4
    )
    mask = painting.below(size, line, soft_px=size.height / 110)
    sand = np.asarray(colour(SAND[setting.hour]), np.float32)
    picture = np.repeat(np.repeat(sand[None, None], size.height, 0), size.width, 1)
    dunes = painting.noise(size, rng, cells=7, octaves=6, stretch=3.0)
    grain = rng.normal(0, 1, (size.height, size.width)).astype(np.float32)
    picture = picture * (0.8 + 0.3 * dunes + 0.025 * grain)[..., None]
    rows = np.arange(size.height, dtype=np.float32)[:, None] / size.height
    into = rows - line[None]
    wet = np.exp(-((into / 0.035) ** 2)).astype(np.float32)
    picture = picture * (1 - 0.38 * wet)[..., None]
    lace = painting.noise(size, rng, cells=40, octaves=3, stretch=2.5)
    foam = np.exp(-(((into - 0.004) / 0.0075) ** 2)) * painting.smooth(lace, 0.15, 0.7)
    white = _between((1.0, 1.0, 1.0), colour(HAZE[setting.hour]), 0.35)
    picture = painting.mix(picture.astype(np.float32), white, np.asarray(foam * 0.9, np.float32))
    return _layer(picture, mask, rng, depth=2.0, soft_px=size.height / 500)


def _range(
    picture: Picture, size: Size, rng: Rng, *, line: painting.Plane, ground: Colour,
    snow: Colour, snow_share: float, haze: Colour,
) -> Picture:  # fmt: skip
    """Paint one range: lit and shaded faces, snow above a ragged line, haze at its foot."""
    mask = painting.below(size, line)
    slope = cv2.GaussianBlur(np.gradient(line)[None].astype(np.float32), (0, 0), 3)[0] * size.height
    rock = painting.noise(size, rng, cells=7, octaves=7, stretch=0.8, fade=0.62)
    shift = max(1, size.height // 140)
    relief = rock - np.roll(rock, (shift, shift * 2), axis=(0, 1))
    rows = np.arange(size.height, dtype=np.float32)[:, None] / size.height
    crest = np.exp(-np.clip(rows - line[None], 0, 1) / 0.05)
    face = np.clip(0.5 - 0.6 * slope[None] * crest + 2.6 * relief, 0, 1).astype(np.float32)
    tone = np.asarray(ground, np.float32) * (0.72 + 0.5 * face[..., None])
    down = np.arange(size.height, dtype=np.float32)[:, None] / size.height - line[None]
    peak = float(np.ptp(line)) or 0.1
    level = line.min() + peak * 0.62
    cap = 1 - painting.smooth(rows + (rock - 0.5) * peak * 0.8 - level, -0.02, 0.02)
    cap = np.clip(cap * painting.smooth(rock + 0.35 * face, 0.42, 0.72), 0, 1)
    shine = np.asarray(snow, np.float32) * (0.7 + 0.34 * face[..., None])
    tone = tone + (shine - tone) * (snow_share * cap)[..., None]
    foot = painting.smooth(np.asarray(down, np.float32), 0.02, peak * 1.1)
    tone = painting.mix(np.asarray(np.clip(tone, 0, 1), np.float32), haze, foot * 0.75)
    return painting.mix(picture, tone, mask)


def _meadow(size: Size, rng: Rng, *, ground: Colour, dark: Colour, snow: bool) -> Layer:
    """Return the ground that people stand on, with pines along its rim."""
    line = painting.profile(size, rng, base=0.84, height=0.06, cells=2.4, fade=0.4, octaves=4)
    mask = painting.below(size, line, soft_px=size.height / 200)
    texture = painting.noise(size, rng, cells=26, octaves=5, stretch=1.8)
    broad = painting.noise(size, rng, cells=4, octaves=4, stretch=2.5)
    shade = (0.94 + 0.08 * texture) if snow else (0.62 + 0.5 * texture)
    tone = np.asarray(ground, np.float32) * (shade * (0.86 + 0.22 * broad))[..., None]
    trees = np.zeros((size.height, size.width), np.float32)
    for _ in range(int(rng.integers(26, 40))):
        x = rng.uniform(0, 1)
        if 0.3 < x < 0.7 and rng.random() < 0.75:
            continue  # Less behind the people.
        column = min(size.width - 1, int(x * size.width))
        _pine(trees, rng, x=column, foot=int(line[column] * size.height) + 4, size=size)
    picture = painting.mix(tone, _between(dark, ground, 0.1 if not snow else 0.02), trees)
    whole = np.maximum(mask, trees)
    return _layer(picture, whole, rng, depth=2.4, soft_px=size.height / 420)


def _pine(plane: Plane, rng: Rng, *, x: int, foot: int, size: Size) -> None:
    tall = rng.uniform(0.07, 0.2) * size.height
    wide = tall * rng.uniform(0.17, 0.23)
    tiers = 9
    points: list[tuple[float, float]] = [(x, foot - tall)]
    for tier in range(1, tiers + 1):
        y = foot - tall + tall * tier / tiers
        reach = wide * tier / tiers * rng.uniform(0.85, 1.15)
        points += [(x + reach, y), (x + reach * 0.55, y - tall * 0.015)]
    mirrored = [(2 * x - px, py) for px, py in reversed(points[1:])]
    shape = np.round(np.array(points + mirrored) * 16).astype(np.int32)
    cv2.fillPoly(plane, [shape], 1.0, cv2.LINE_AA, 4)


def _trunks(size: Size, rng: Rng, *, near: float) -> Plane:
    plane = np.zeros((size.height, size.width), np.float32)
    for _ in range(int(15 - 9 * near)):
        x, width = (
            rng.uniform(0, size.width),
            size.height * rng.uniform(0.012, 0.03) * (0.4 + 2.2 * near),
        )
        if near > 0.7 and 0.28 < x / size.width < 0.72:
            continue
        lean = rng.normal(0, 0.02) * size.height
        foot = size.height * (0.66 + 0.28 * near)
        shape = [
            (x + lean - width * 0.34, -10), (x + lean + width * 0.34, -10),
            (x + width * 0.5, foot * 0.9), (x + width * 0.95, foot),
            (x - width * 0.95, foot), (x - width * 0.5, foot * 0.9),
        ]  # fmt: skip
        cv2.fillPoly(plane, [np.round(np.array(shape) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        for _branch in range(int(rng.integers(1, 4))):
            y = rng.uniform(0.05, 0.45) * size.height
            end = (
                x + rng.choice([-1, 1]) * rng.uniform(2, 6) * width,
                y - rng.uniform(1, 3) * width,
            )
            start = (round(x + lean * (1 - y / foot)), round(y))
            thick = max(1, round(width * 0.2))
            cv2.line(plane, start, (round(end[0]), round(end[1])), 1.0, thick, cv2.LINE_AA)
    return plane


def _beams(size: Size, rng: Rng, *, x: float) -> Plane:
    across, down = painting.grid(size)
    angle = np.arctan2((across - x) * size.width / size.height, down + 0.35)
    turns = np.linspace(-1.2, 1.2, 256)
    rays = painting.noise(Size(256, 2), rng, cells=2, octaves=1, stretch=0.08)[0]
    rays = cv2.GaussianBlur(rays[None], (0, 0), 3)[0]
    plane = np.interp(angle, turns, painting.smooth(rays, 0.35, 0.9)).astype(np.float32)
    return np.asarray(plane * np.exp(-down * 1.4), np.float32)


def _layer(picture: Picture, mask: Plane, rng: Rng, *, depth: float, soft_px: float) -> Layer:
    rgb: Image = painting.to_image(painting.blur(np.clip(picture, 0, 1), soft_px), rng)
    alpha = painting.to_plane(mask)
    return Layer(premultiplied(rgb, alpha), alpha, depth)
