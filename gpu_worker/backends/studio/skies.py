"""Skies of each hour, with clouds and stars; and space."""

from __future__ import annotations

import numpy as np

from gpu_worker.backends.studio import painting
from gpu_worker.backends.studio.effects import Twinkle
from gpu_worker.backends.studio.layers import Layer, Size
from gpu_worker.backends.studio.painting import Colour, Picture, Plane, Rng, colour
from gpu_worker.backends.studio.scenes import Light, Scene, Setting

STOPS = {
    "day": [(0.0, "2b6cb8"), (0.35, "5b9bd8"), (0.75, "a9d0ee"), (1.0, "e4f1f8")],
    "sunset": [
        (0.0, "27295c"),
        (0.3, "6d3f7e"),
        (0.58, "d8637a"),
        (0.8, "fb9a5e"),
        (1.0, "ffd998"),
    ],
    "dawn": [(0.0, "43618f"), (0.4, "8f8fb4"), (0.7, "e7b0a8"), (0.88, "ffd7ae"), (1.0, "fff0d6")],
    "night": [(0.0, "04071a"), (0.5, "0d1738"), (0.85, "22305f"), (1.0, "3a4877")],
}
# The sun's or the moon's colour, the clouds' lit and shaded sides.
SUN = {"day": "fff6dc", "sunset": "ffdc9a", "dawn": "fff0cf", "night": "dfe6ff"}
CLOUDS = {
    "day": ("ffffff", "aebfd4"),
    "sunset": ("ffb27a", "6b4674"),
    "dawn": ("ffe0c8", "9a8fae"),
    "night": ("3c4a78", "0e1634"),
}
LIGHTS = {
    "day": Light((1.03, 1.01, 0.97), (0.42, 0.42, 0.38), -0.6, 0.22),
    "sunset": Light((1.06, 0.93, 0.84), (0.75, 0.42, 0.2), 0.7, 0.3),
    "dawn": Light((1.04, 0.98, 0.94), (0.55, 0.42, 0.34), -0.7, 0.24),
    "night": Light((0.84, 0.89, 1.04), (0.22, 0.3, 0.5), 0.6, 0.35),
}


def sky(size: Size, rng: Rng, setting: Setting, *, horizon: float, sun_x: float) -> Picture:
    """Return the sky of an hour down to a horizon, with its sun or moon and clouds."""
    hour = setting.hour
    reach = max(2, round(size.height * horizon))
    upper = painting.ramp(Size(size.width, reach), STOPS[hour])
    picture = np.repeat(upper[-1:], size.height, axis=0)
    picture[:reach] = upper
    sun = colour(SUN[hour])
    # The sun stands high by day and low at the day's ends.
    sun_y = horizon * {"day": 0.22, "night": 0.24}.get(hour, 0.86)
    if hour == "night":
        picture = _stars(picture, size, rng, lower=horizon)
    picture = painting.light(
        picture, sun, 0.55 * painting.glow(size, x=sun_x, y=sun_y, radius=0.55, power=1.1)
    )
    picture = _clouds(picture, size, rng, setting, horizon=horizon, sun=(sun_x, sun_y))
    body = painting.disc(size, x=sun_x, y=sun_y, radius=0.034, soft_px=2.5)
    halo = painting.glow(size, x=sun_x, y=sun_y, radius=0.1, power=1.2)
    picture = painting.light(picture, sun, 0.75 * halo)
    return painting.mix(picture, sun, body if hour != "day" else body * 0.9)


def space(size: Size, rng: Rng, setting: Setting) -> Scene:
    """Return stars, a nebula, and a lit planet with its night side, turned by the seed."""
    picture = painting.ramp(size, [(0.0, "03040f"), (0.5, "070a1e"), (1.0, "0b0a22")])
    warm, cold = [
        (colour("c2478a"), colour("2f6fd0")),
        (colour("e0784a"), colour("3a56c8")),
        (colour("39b0a0"), colour("7a3fc0")),
    ][int(rng.integers(3))]
    band = painting.glow(size, x=0.5, y=0.5, radius=0.62, power=2.0)
    for tone, cells, strength in ((cold, 2.2, 0.62), (warm, 3.0, 0.55), (cold, 5.0, 0.25)):
        gas = painting.noise(size, rng, cells=cells, octaves=6)
        picture = painting.light(picture, tone, strength * band * gas**2.2)
    dust = painting.noise(size, rng, cells=3.5, octaves=6)
    picture *= (1 - 0.6 * painting.smooth(dust, 0.55, 0.95) * band)[..., None]
    picture = _stars(picture, size, rng, lower=1.0, count=900)
    picture = _planet(picture, size, rng, x=0.5 + 0.27 * float(rng.choice([-1, 1])), y=0.3)
    still = painting.to_image(painting.blur(picture, size.height / 900), rng)
    first, second = (_star_lights(size, rng) for _ in range(2))
    scene = Scene(
        [Layer(still.copy(), None, 6.0)],
        Light((0.93, 0.95, 1.06), tuple(0.7 * one for one in warm), 0.7, 0.1),  # type: ignore[arg-type]  # Three stay three.
        "space",
    )
    scene.animations.append(Twinkle(0, still, (first, second), 4.5))
    return scene


def _planet(picture: Picture, size: Size, rng: Rng, *, x: float, y: float) -> Picture:
    radius = float(rng.uniform(0.17, 0.22))
    across, down = painting.grid(size)
    u = (across - x) * size.width / size.height / radius
    v = np.broadcast_to((down - y) / radius, u.shape if u.shape[0] > 1 else picture.shape[:2])
    u = np.broadcast_to(u, v.shape)
    z = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    lit = np.clip(-0.62 * u - 0.45 * v + 0.64 * z, 0, 1).astype(np.float32)
    bands = painting.noise(size, rng, cells=9, octaves=5, stretch=7.0)
    light_side, dark_side = [("e8c9a0", "a8663f"), ("9fc6e8", "2f5f9a"), ("d8b4c8", "7a4a86")][
        int(rng.integers(3))
    ]
    ground = painting.mix(
        np.broadcast_to(np.asarray(colour(dark_side), np.float32), picture.shape),
        colour(light_side), bands,
    )  # fmt: skip
    shaded = ground * (lit**0.8 * 1.05 + 0.012)[..., None]
    body = painting.disc(size, x=x, y=y, radius=radius)
    air = painting.glow(size, x=x, y=y, radius=radius * 1.16, power=9.0)
    side = np.clip(-0.62 * u - 0.45 * v + 0.35, 0, 1).astype(np.float32)
    picture = painting.light(picture, colour(light_side), 0.4 * air * side)
    return painting.mix(picture, shaded.astype(np.float32), body)


def _stars(picture: Picture, size: Size, rng: Rng, *, lower: float, count: int = 420) -> Picture:
    unit = size.height / 720
    stars = painting.dots(size, rng, count=count, radius_px=(0.45 * unit, 1.25 * unit), lower=lower)
    fade = 1 - painting.smooth(painting.grid(size)[1], lower * 0.6, lower)
    tone: Colour = (0.95, 0.97, 1.0)
    return painting.light(picture, tone, stars * fade)


def _star_lights(size: Size, rng: Rng) -> painting.Plane:
    unit = size.height / 720
    plane: Plane = painting.dots(size, rng, count=70, radius_px=(0.8 * unit, 1.7 * unit), power=1.5)
    soft = painting.blur(np.repeat(plane[..., None], 3, axis=2), 0.8 * unit)
    return painting.to_image(soft)


def _clouds(
    picture: Picture, size: Size, rng: Rng, setting: Setting, *, horizon: float,
    sun: tuple[float, float],
) -> Picture:  # fmt: skip
    """Lay clouds over a sky: thin and flat far away, lit on the side of the sun."""
    covered = 0.72 if setting.rain or setting.snow else 0.4
    shape = painting.noise(size, rng, cells=3.2, octaves=7, stretch=3.0, fade=0.56)
    veil = painting.noise(size, rng, cells=9, octaves=5, stretch=6.0)
    down = np.broadcast_to(painting.grid(size)[1], shape.shape)
    band = painting.smooth(down, 0.02, horizon * 0.45) * (
        1 - 0.75 * painting.smooth(down, horizon * 0.8, horizon)
    )
    cover = painting.smooth(shape * 0.82 + veil * 0.18, 1 - covered, 1.12 - covered * 0.3) * band
    shadow = painting.smooth(np.roll(shape, -size.height // 26, axis=0), 0.35, 0.95)
    lit, shaded = (colour(code) for code in CLOUDS[setting.hour])
    near = painting.glow(size, x=sun[0], y=sun[1], radius=0.75, power=1.4)
    tone = painting.mix(
        np.broadcast_to(np.asarray(lit, np.float32), picture.shape),
        shaded,
        np.clip(shadow * (0.9 - 0.55 * near), 0, 1),
    )
    return painting.mix(picture, tone, np.asarray(cover * 0.86, np.float32))
