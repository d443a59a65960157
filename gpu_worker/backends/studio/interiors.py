"""Rooms: a stage with spotlights, and an abstract one of soft colours for prompts that name no place."""

from __future__ import annotations

import colorsys

import numpy as np

from gpu_worker.backends.studio import painting
from gpu_worker.backends.studio.effects import Motes
from gpu_worker.backends.studio.layers import Layer, Size
from gpu_worker.backends.studio.painting import Colour, Picture, Plane, Rng, colour
from gpu_worker.backends.studio.scenes import Light, Scene, Setting

STAGES = (
    ("1a2340", "4f7cff", "ff5fa2"),
    ("26190f", "ffb45e", "ff6a3d"),
    ("10262a", "3fd6c6", "5f8cff"),
)


def stage(size: Size, rng: Rng, setting: Setting) -> Scene:
    """Return a curved backdrop in two colours of light, beams from above, and a floor that mirrors."""
    base, first, second = (colour(code) for code in STAGES[int(rng.integers(len(STAGES)))])
    picture: Picture = np.repeat(
        np.repeat(np.asarray(base, np.float32)[None, None], size.height, 0), size.width, 1
    )
    down = np.broadcast_to(painting.grid(size)[1], picture.shape[:2])
    picture = picture * (0.55 + 0.6 * painting.smooth(down, 0.0, 0.7))[..., None]
    for x, tone, strength in (
        (0.16, first, 0.8),
        (0.84, second, 0.75),
        (0.5, (1.0, 0.95, 0.9), 0.3),
    ):
        picture = painting.light(
            picture, tone, strength * painting.glow(size, x=x, y=0.5, radius=0.5, power=1.7)
        )
        picture = painting.light(picture, tone, 0.4 * _beam(size, x=x, lean=(0.5 - x) * 0.5))
    panels = _panels(size, rng)
    picture = np.asarray(picture * (0.86 + 0.2 * panels[..., None]), np.float32)
    picture = _floor(picture, size)
    scene = Scene(
        [Layer(painting.to_image(painting.blur(picture, size.height / 260), rng), None, 3.0)],
        Light((1.0, 0.98, 1.0), _scaled(second, 0.6), 0.8, 0.35),
        "room",
    )
    scene.motes = Motes.scattered(
        size, rng, count=26, radius=(0.003, 0.008), tones=[first, second, (1.0, 1.0, 1.0)],
        strength=0.35, lower=(0.05, 0.7),
    )  # fmt: skip
    return scene


def abstract(size: Size, rng: Rng, setting: Setting) -> Scene:
    """Return folds of soft colour, lit from a side, in a palette of the seed's."""
    hue = float(rng.random())
    dark = {"night": 0.3, "sunset": 0.62, "dawn": 0.75}.get(setting.hour, 0.7)
    tones = [
        colorsys.hsv_to_rgb((hue + turn) % 1.0, strength, value * dark + 0.12)
        for turn, strength, value in ((0.0, 0.6, 0.75), (0.07, 0.48, 1.0), (0.86, 0.52, 0.9))
    ]
    picture: Picture = np.repeat(
        np.repeat(np.asarray(tones[0], np.float32)[None, None], size.height, 0), size.width, 1
    )
    across, down = painting.grid(size)
    for number, tone in enumerate((tones[1], tones[2], tones[1])):
        bend = painting.noise(size, rng, cells=1.1, octaves=2, stretch=2.2)
        fold = 0.5 + 0.5 * np.sin(
            2 * np.pi * (bend * 0.9 + across * 0.5 + down * 0.35 + number / 3)
        )
        picture = painting.mix(picture, tone, np.asarray(0.6 * fold**1.5, np.float32))
    picture = painting.light(
        picture, (1.0, 0.98, 0.94), 0.35 * painting.glow(size, x=0.28, y=0.2, radius=0.6, power=1.6)
    )
    scene = Scene(
        [Layer(painting.to_image(painting.blur(picture, size.height / 200), rng), None, 3.0)],
        Light((1.0, 1.0, 1.0), _scaled(tones[1], 0.5), -0.7, 0.25),
        "room",
    )
    scene.motes = Motes.scattered(
        size, rng, count=14, radius=(0.02, 0.07), tones=[_scaled(tone, 0.9) for tone in tones],
        strength=0.22, hollow=True,
    )  # fmt: skip
    return scene


def _scaled(tone: Colour, by: float) -> Colour:
    red, green, blue = (one * by for one in tone)
    return red, green, blue


def _beam(size: Size, *, x: float, lean: float) -> Plane:
    """Return a cone of light from above the picture."""
    across, down = painting.grid(size)
    middle = x + lean * down
    wide = 0.03 + 0.11 * down
    cone = np.exp(-(((across - middle) / wide) ** 2)) * np.exp(-down * 1.6)
    return np.asarray(cone, np.float32)


def _panels(size: Size, rng: Rng) -> Plane:
    """Return upright panels of slightly different tone, as a built backdrop has."""
    across = np.arange(size.width, dtype=np.float32)
    wide = size.height * float(rng.uniform(0.085, 0.12))
    tones = rng.random(int(size.width / wide) + 2).astype(np.float32)
    row = tones[(across / wide).astype(int)]
    seam = np.exp(-((((across / wide) % 1.0) / 0.03) ** 2))
    return np.repeat(np.asarray(row - seam, np.float32)[None], size.height, axis=0)


def _floor(picture: Picture, size: Size) -> Picture:
    top = round(size.height * 0.8)
    rows = size.height - top
    mirror = painting.blur(np.ascontiguousarray(picture[top - rows : top][::-1]), size.height / 60)
    fade = np.linspace(0.62, 0.25, rows, dtype=np.float32)[:, None, None]
    picture = picture.copy()
    picture[top:] = mirror * fade
    return picture
