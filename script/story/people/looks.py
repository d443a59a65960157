"""The four people of the story: how each is built and coloured. Drawn here, and nobody's likeness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from script.story.people import solid
from script.story.people.camera import Part
from script.story.people.solid import Array, Surface, Triple


class Material(IntEnum):
    """What a point is made of."""

    SKIN = 1
    HAIR = 2
    CLOTH = 3
    TRIM = 4
    METAL = 5
    FRAME = 6
    NECK = 7


@dataclass(frozen=True)
class Look:
    """One person. Colours are sRGB, `#rrggbb`; pitch is the voice's mean, in hertz."""

    name: str
    skin: str
    hair: str
    cloth: str
    trim: str
    backdrop: str
    iris: str
    lip: str
    blush: str
    pitch_hz: float
    tract: float  # The vocal tract's resonances, as a ratio to an average man's.
    jaw: float = 1.0  # Width of the lower face.
    brow_px: float = 1.0  # Thickness of the brows.
    lashes: float = 0.0
    freckles: float = 0.0
    beard: float = 0.0
    lines: float = 0.0  # Laughter lines.
    metal: str = "#d9a441"
    frame: str = "#3b2a22"
    own_parts: Callable[[], list[Part]] = list


def _head(point: Array, jaw: float) -> Array:
    at = solid.mirrored(point)
    found = solid.ellipsoid(at, (0, 0.25, -0.12), (0.74, 0.80, 0.86))
    found = solid.join(found, solid.ellipsoid(at, (0, -0.30, 0.12), (0.60 * jaw, 0.70, 0.62)), 0.3)
    found = solid.join(found, solid.ellipsoid(at, (0, -0.84, 0.46), (0.22, 0.17, 0.20)), 0.25)
    found = solid.join(found, solid.ellipsoid(at, (0.33, -0.21, 0.46), (0.26, 0.24, 0.24)), 0.3)
    found = solid.join(
        found, solid.capsule(at, (0, 0.34, 0.70), (0.30, 0.33, 0.62), 0.06, 0.06), 0.2
    )
    found = solid.carve(found, solid.ellipsoid(at, (0.30, 0.07, 0.92), (0.19, 0.15, 0.22)), 0.16)
    found = solid.join(found, solid.ellipsoid(at, (0.29, 0.07, 0.56), (0.20, 0.18, 0.19)), 0.05)
    found = solid.join(
        found, solid.capsule(at, (0, 0.20, 0.74), (0, -0.16, 0.87), 0.06, 0.09), 0.14
    )
    found = solid.join(found, solid.ellipsoid(at, (0, -0.18, 0.89), (0.11, 0.10, 0.12)), 0.08)
    found = solid.join(found, solid.ellipsoid(at, (0.09, -0.20, 0.82), (0.075, 0.065, 0.09)), 0.06)
    found = solid.join(found, solid.ellipsoid(at, (0, -0.50, 0.72), (0.20, 0.07, 0.10)), 0.12)
    return solid.join(found, solid.ellipsoid(at, (0, -0.58, 0.71), (0.15, 0.06, 0.10)), 0.12)


def _body(point: Array) -> Array:
    at = solid.mirrored(point)
    found = solid.ellipsoid(at, (0, -2.30, -0.25), (1.28, 1.02, 0.60))
    found = solid.join(found, solid.ellipsoid(at, (1.02, -1.90, -0.25), (0.56, 0.44, 0.42)), 0.4)
    return solid.join(found, solid.ellipsoid(at, (0, -1.58, -0.16), (0.66, 0.34, 0.50)), 0.35)


def _ear(side: int) -> Callable[[Array], Array]:
    def distance(point: Array) -> Array:
        outer = solid.ellipsoid(point, (side * 0.74, -0.02, -0.10), (0.09, 0.20, 0.13))
        hollow = solid.ellipsoid(point, (side * 0.84, 0.0, -0.04), (0.06, 0.11, 0.07))
        return solid.carve(outer, hollow, 0.05)

    return distance


def _ball(centre: Triple, radii: Triple, material: Material, *, turns: bool = True) -> Part:
    finer = max(2, round(11 * max(radii)))
    shape = solid.surface(
        lambda point: solid.ellipsoid(point, centre, radii),
        centre=centre, columns=90, rows=60, finer=min(finer, 7),
    )  # fmt: skip
    return Part(shape, material, turns)


def _hair(distance: Callable[[Array], Array], centre: Triple, finer: int = 6) -> Part:
    shape = solid.surface(distance, centre=centre, columns=160, rows=120, finer=finer)
    return Part(shape, Material.HAIR)


def _tube(path: Array, radius: float, material: Material) -> Part:
    """Return a round tube along a path of points, shape (n, 3)."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, np.array([0.13, 0.21, 0.97], np.float32))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(along, side)
    turn = np.linspace(0, 2 * np.pi, 24, dtype=np.float32)[None, :, None]
    normals = np.cos(turn) * side[:, None] + np.sin(turn) * other[:, None]
    points = path[:, None] + radius * normals
    flat = Surface(
        points.reshape(-1, 3).astype(np.float32), normals.reshape(-1, 3).astype(np.float32)
    )
    return Part(flat, material)


def _line(start: Triple, end: Triple) -> Array:
    share = np.linspace(0, 1, 260, dtype=np.float32)[:, None]
    return np.array(start, np.float32) * (1 - share) + np.array(end, np.float32) * share


def parts(look: Look) -> list[Part]:
    """Return all of a person: head, ears, neck, body, and what is their own."""
    skin, cloth = Material.SKIN, Material.CLOTH
    head = solid.surface(lambda at: _head(at, look.jaw), columns=230, rows=180, finer=5)
    found = [Part(head, skin)]
    for side in (-1, 1):
        ear = solid.surface(
            _ear(side), centre=(side * 0.72, -0.02, -0.10), columns=60, rows=50, finer=5
        )
        found.append(Part(ear, skin))
    neck = solid.surface(
        lambda at: solid.capsule(at, (0, -0.6, -0.14), (0, -1.9, -0.24), 0.37, 0.42),
        centre=(0, -1.25, -0.18), columns=90, rows=60, finer=7,
    )  # fmt: skip
    body = solid.surface(_body, centre=(0, -2.2, -0.25), columns=160, rows=110, finer=8)
    found += [Part(neck, Material.NECK, turns=False), Part(body, cloth, turns=False)]
    return [*found, *look.own_parts()]


def _ada() -> list[Part]:
    def cap(point: Array) -> Array:
        at = solid.mirrored(point)
        found = solid.ellipsoid(at, (0, 0.34, -0.24), (0.83, 0.78, 0.90))
        face = solid.ellipsoid(at, (0, -0.12, 0.78), (0.60, 0.70, 0.62))
        parting = solid.ellipsoid(at, (0, 1.10, 0.45), (0.035, 0.5, 0.6))
        wave = 0.022 * np.sin(13 * at[..., 1] + 9 * np.abs(at[..., 0]) + 4 * at[..., 2])
        found = solid.carve(solid.carve(found, face, 0.06), parting, 0.06)
        return np.asarray(found - wave, np.float32)

    def bun(point: Array) -> Array:
        found = solid.ellipsoid(point, (0, 1.14, -0.42), (0.44, 0.38, 0.42))
        curl = 0.03 * np.sin(15 * point[..., 0]) * np.sin(15 * point[..., 1] + 10 * point[..., 2])
        return np.asarray(found - curl, np.float32)

    earrings = [
        _ball((side * 0.77, -0.30, -0.06), (0.055, 0.075, 0.055), Material.METAL)
        for side in (-1, 1)
    ]
    collar = [
        _ball((0, -1.20 - 0.14 * turn, -0.19), (0.47 + 0.05 * turn, 0.16, 0.46 + 0.04 * turn), Material.CLOTH,
              turns=False)
        for turn in (0, 1)
    ]  # fmt: skip
    return [_hair(cap, (0, 0.25, -0.3)), _hair(bun, (0, 1.12, -0.45), 3), *earrings, *collar]


def _ben() -> list[Part]:
    def cap(point: Array) -> Array:
        at = point
        sides = solid.ellipsoid(solid.mirrored(at), (0, 0.32, -0.22), (0.79, 0.72, 0.84))
        quiff = solid.ellipsoid(at, (0.06, 0.92, 0.22), (0.60, 0.27, 0.52))
        quiff = solid.join(quiff, solid.ellipsoid(at, (0.26, 0.98, 0.44), (0.34, 0.20, 0.28)), 0.12)
        tuft = 0.030 * np.sin(9 * at[..., 0] + 6 * at[..., 2]) * np.sin(5 * at[..., 2] + 2)
        found = solid.join(sides, quiff - tuft.astype(np.float32), 0.12)
        face = solid.ellipsoid(at, (0, -0.20, 0.74), (0.66, 0.78, 0.62))
        return solid.carve(found, face, 0.08)

    turn = np.linspace(0, 2 * np.pi, 420, dtype=np.float32)
    glasses = []
    for side in (-1, 1):
        across, up = 0.235 * np.cos(turn), 0.215 * np.sin(turn)
        depth = 0.895 - 0.10 * np.abs(across + 0.06)
        rim = np.stack([side * (0.30 + across), 0.05 + up, depth], axis=1)
        glasses.append(_tube(rim.astype(np.float32), 0.020, Material.FRAME))
        temple = _line((side * 0.535, 0.10, 0.87), (side * 0.80, 0.06, -0.10))
        glasses.append(_tube(temple, 0.018, Material.FRAME))
    arch = np.linspace(-1, 1, 120, dtype=np.float32)
    bridge = np.stack([arch * 0.075, 0.085 + 0.03 * (1 - arch**2), 0.92 + 0 * arch], axis=1)
    glasses.append(_tube(bridge.astype(np.float32), 0.020, Material.FRAME))
    collar = [
        _ball((0, -1.24, -0.19), (0.50, 0.14, 0.47), Material.TRIM, turns=False),
        _ball((0, -1.38, -0.20), (0.66, 0.17, 0.56), Material.CLOTH, turns=False),
    ]
    return [_hair(cap, (0, 0.4, -0.15)), *glasses, *collar]


def _cem() -> list[Part]:
    def cap(point: Array) -> Array:
        at = point
        found = solid.ellipsoid(at, (0, 0.33, -0.24), (0.80, 0.74, 0.86))
        sweep = solid.ellipsoid(at, (-0.10, 0.90, 0.12), (0.62, 0.24, 0.60))
        found = solid.join(found, sweep, 0.18)
        wave = 0.018 * np.sin(10 * at[..., 2] - 8 * at[..., 0] + 3 * at[..., 1])
        face = solid.ellipsoid(at, (0.02, -0.16, 0.80), (0.60, 0.80, 0.62))
        return solid.carve(found - wave.astype(np.float32), face, 0.06)

    def moustache(point: Array) -> Array:
        at = solid.mirrored(point)
        found = solid.capsule(at, (0.05, -0.375, 0.78), (0.27, -0.475, 0.64), 0.078, 0.036)
        wave = 0.008 * np.sin(60 * at[..., 0])
        return np.asarray(found - wave, np.float32)

    collar = []
    for side in (-1, 1):
        wing = solid.surface(
            lambda at, side=side: solid.ellipsoid(  # type: ignore[misc]  # Bound on purpose.
                at, (side * 0.27, -1.30, 0.22), (0.25, 0.19, 0.13)
            ),
            centre=(side * 0.27, -1.30, 0.22), columns=90, rows=60, finer=6,
        )  # fmt: skip
        collar.append(Part(wing, Material.FRAME, turns=False))
    band = _ball((0, -1.28, -0.20), (0.55, 0.17, 0.50), Material.TRIM, turns=False)
    return [_hair(cap, (0, 0.4, -0.15)), _hair(moustache, (0, -0.42, 0.70), 2), *collar, band]


def _stranger() -> list[Part]:
    def bob(point: Array) -> Array:
        at = solid.mirrored(point)
        found = solid.ellipsoid(at, (0, 0.36, -0.20), (0.84, 0.78, 0.90))
        found = solid.join(found, solid.ellipsoid(at, (0, -0.25, -0.52), (0.78, 0.80, 0.46)), 0.2)
        lock = solid.capsule(at, (0.70, 0.35, 0.05), (0.70, -0.72, 0.02), 0.20, 0.24)
        found = solid.join(found, lock, 0.15)
        face = solid.ellipsoid(at, (0, -0.42, 0.80), (0.53, 0.80, 0.66))
        wave = 0.010 * np.sin(22 * np.arctan2(at[..., 0], at[..., 2]))
        return solid.carve(found - wave.astype(np.float32), face, 0.07)

    hood = _ball((0, -1.38, -0.28), (0.82, 0.28, 0.70), Material.CLOTH, turns=False)
    inside = _ball((0, -0.42, -0.22), (0.70, 0.60, 0.40), Material.HAIR)
    return [_hair(bob, (0, 0.1, -0.2)), inside, hood]


PEOPLE = {
    look.name: look
    for look in (
        Look(
            name="ada", skin="#b97a50", hair="#2b1a15", cloth="#1f7f86", trim="#1f7f86",
            backdrop="#a3c2b4", iris="#5a3413", lip="#a8443f", blush="#c0492f", pitch_hz=205,
            tract=1.16, jaw=0.95, lashes=1.0, own_parts=_ada,
        ),
        Look(
            name="ben", skin="#eeb896", hair="#8f3f1c", cloth="#d79a2b", trim="#f3eee2",
            backdrop="#9fb8cf", iris="#3f7a6a", lip="#c46e62", blush="#e0705a", pitch_hz=118,
            tract=1.0, jaw=1.03, brow_px=1.15, freckles=1.0, beard=1.0, own_parts=_ben,
        ),
        Look(
            name="cem", skin="#cd9468", hair="#8d8b8c", cloth="#2d3b5e", trim="#dfe6ee",
            backdrop="#b9a9c4", iris="#4a3a24", lip="#aa5a4a", blush="#c0583c", pitch_hz=98,
            tract=0.96, frame="#8e2f3c", jaw=1.05, brow_px=1.45, lines=1.0, own_parts=_cem,
        ),
        Look(
            name="stranger", skin="#f1c9ae", hair="#1f2430", cloth="#7d4a6d", trim="#e9d7c3",
            backdrop="#c9bd9c", iris="#57718a", lip="#b9525a", blush="#e2776b", pitch_hz=176,
            tract=1.10, jaw=0.94, brow_px=0.9, lashes=0.8, own_parts=_stranger,
        ),
    )
}  # fmt: skip
