"""What moves in a scene: water, twinkling lights, falling snow and rain, drifting motes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.backends.studio import painting
from gpu_worker.backends.studio.layers import Image, Size
from gpu_worker.backends.studio.painting import Colour, Rng


class Animation(Protocol):
    """Something that changes a painted picture with time."""

    def apply(self, image: Image, at_s: float) -> None:
        """Paint the moment into the picture, in place. `image` still shows an earlier moment."""


@dataclass
class Twinkle:
    """Two sets of lights that take turns in glowing. `still` is the picture's part without them."""

    top: int
    still: Image
    lights: tuple[Image, Image]
    period_s: float

    def apply(self, image: Image, at_s: float) -> None:
        """See Animation."""
        part = image[self.top : self.top + len(self.still)]
        phase = 2 * np.pi * at_s / self.period_s
        first = 0.62 + 0.38 * np.sin(phase)
        second = 0.62 + 0.38 * np.sin(phase * 1.37 + 2)
        cv2.addWeighted(self.lights[0], first, self.still, 1, 0, part)
        cv2.addWeighted(self.lights[1], second, part, 1, 0, part)


class Water:
    """A surface of water in perspective, from the horizon down to a shore."""

    def __init__(
        self,
        size: Size,
        rng: Rng,
        *,
        still: Image,
        top: int,
        tint: Colour,
        sun: NDArray[np.float32],
    ) -> None:
        """Prepare the waves.

        Args:
            still: the painted water, RGB, from row `top` on.
            tint: the colour of what glitters.
            sun: how much each pixel of it glitters, 0 to 1.
        """
        self._top, self._still = top, still
        rows, columns = still.shape[:2]
        half = Size(columns // 2, rows // 2)
        down = np.linspace(0.012, 1, half.height, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, half.width, dtype=np.float32)[None]
        distance = 1 / (down + 0.045)
        texture = Size(1024, 1024)
        waves = painting.noise(texture, rng, cells=46, octaves=3, stretch=3.2)
        wrapped = np.concatenate([waves, waves[:512]])
        self._waves = painting.to_plane(wrapped)
        x = (across * distance * 300 + 512).astype(np.float32) % 1023
        y = np.broadcast_to(distance * 26 - down * 230 + 232, x.shape).astype(np.float32)
        self._map = cv2.convertMaps(x, np.ascontiguousarray(y), cv2.CV_16SC2)
        level = np.arange(256, dtype=np.float32) / 255
        self._curve = painting.to_plane(painting.smooth(level, 0.55, 0.95))
        shine = np.asarray(tint, np.float32) * cv2.resize(sun, (columns, rows))[..., None]
        self._shine = painting.to_image(shine.astype(np.float32))

    def apply(self, image: Image, at_s: float) -> None:
        """See Animation."""
        rows, columns = self._still.shape[:2]
        crests = []
        for speed in (19.0, -11.0):
            start = int(at_s * speed) % 512 if speed > 0 else 511 - int(-at_s * speed) % 512
            scrolled = self._waves[start : start + 1024]
            crests.append(cv2.remap(scrolled, *self._map, cv2.INTER_LINEAR))
        wave = cv2.LUT(cv2.addWeighted(crests[0], 0.6, crests[1], 0.6, 0), self._curve)
        wave = cv2.resize(wave, (columns, rows), interpolation=cv2.INTER_LINEAR)
        glitter = cv2.multiply(self._shine, cv2.merge((wave, wave, wave)), scale=1 / 255)
        cv2.add(self._still, glitter, dst=image[self._top : self._top + rows])


@dataclass
class Falling:
    """Snow or rain: sheets of drops that fall at their own speed and come round again."""

    sheets: tuple[Image, ...]
    fall_px_per_s: tuple[float, ...]
    drift_px_per_s: float

    @classmethod
    def snow(cls, size: Size, rng: Rng) -> Falling:
        """Return three sheets of flakes, the near ones larger and quicker."""
        sheets = []
        unit = size.height / 720
        for count, radius, soft in ((420, 1.2, 0.8), (150, 2.4, 1.6), (34, 5.2, 4.2)):
            plane = painting.dots(
                size, rng, count=count, radius_px=(radius * unit * 0.6, radius * unit), power=1.0
            )
            flakes = painting.to_plane(cv2.GaussianBlur(plane, (0, 0), soft * unit) * 0.9)
            sheets.append(cv2.merge((flakes, flakes, flakes)))
        return cls(tuple(sheets), (62 * unit, 118 * unit, 210 * unit), 22 * unit)

    @classmethod
    def rain(cls, size: Size, rng: Rng) -> Falling:
        """Return two sheets of streaks."""
        sheets = []
        unit = size.height / 720
        for count, length, strength in ((320, 26, 0.2), (110, 48, 0.3)):
            plane = np.zeros((size.height, size.width), np.float32)
            for _ in range(count):
                x, y = rng.uniform(0, size.width), rng.uniform(0, size.height - length * unit)
                end = (round(x + length * 0.07 * unit), round(y + length * unit))
                cv2.line(plane, (round(x), round(y)), end, strength, 1, cv2.LINE_AA)
            drops = painting.to_plane(plane)
            sheets.append(cv2.merge((drops, drops, drops)))
        return cls(tuple(sheets), (880 * unit, 1250 * unit), 0.0)

    def draw(self, frame: Image, at_s: float, *, sheets: slice) -> None:
        """Add some of the sheets to a frame, in place."""
        height = frame.shape[0]
        drift = int(self.drift_px_per_s * np.sin(at_s * 0.9))
        for sheet, speed in zip(self.sheets[sheets], self.fall_px_per_s[sheets], strict=True):
            shifted = np.roll(sheet, drift, axis=1) if drift else sheet
            split = int(at_s * speed) % height
            cv2.add(frame[split:], shifted[: height - split], dst=frame[split:])
            if split:
                cv2.add(frame[:split], shifted[height - split :], dst=frame[:split])


@dataclass
class Motes:
    """Soft lights that float: dust in a beam, fireflies, lamps out of focus."""

    sprites: list[Image]
    paths: NDArray[np.float64]  # For each: x, y, way across, way up, phase, period.
    strength: float = 1.0

    @classmethod
    def scattered(
        cls, size: Size, rng: Rng, *, count: int, radius: tuple[float, float], tones: list[Colour],
        strength: float, lower: tuple[float, float] = (0.1, 0.95), hollow: bool = False,
    ) -> Motes:  # fmt: skip
        """Return so many lights. Radii are fractions of the height."""
        sprites = []
        for number in range(count):
            radius_px = max(1.5, rng.uniform(*radius) * size.height)
            side = int(radius_px * 2 + 3) | 1
            place = np.linspace(-1, 1, side, dtype=np.float32)
            away = np.sqrt(place[None] ** 2 + place[:, None] ** 2)
            shape = 1 - painting.smooth(away, 0.82 if hollow else 0.0, 1.0)
            if hollow:
                shape *= 0.62 + 0.38 * painting.smooth(away, 0.4, 0.95)
            tone = np.asarray(tones[number % len(tones)], np.float32)
            sprites.append(painting.to_image(shape[..., None] * tone * float(rng.uniform(0.5, 1))))
        paths = np.stack(
            [
                rng.uniform(0, 1, count), rng.uniform(*lower, count),
                rng.uniform(-0.02, 0.02, count), rng.uniform(-0.015, 0.004, count),
                rng.uniform(0, 2 * np.pi, count), rng.uniform(2.5, 6.0, count),
            ],
            axis=1,
        )  # fmt: skip
        return cls(sprites, paths, strength)

    def draw(self, frame: Image, at_s: float) -> None:
        """Add the lights to a frame, in place."""
        height, width = frame.shape[:2]
        for sprite, (x, y, across, up, phase, period) in zip(self.sprites, self.paths, strict=True):
            side = len(sprite)
            left = int((x + across * at_s) % 1.0 * width) - side // 2
            top = int((y + up * at_s + 0.008 * np.sin(at_s + phase)) * height) - side // 2
            part = frame[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
            if not part.size:
                continue
            cut = sprite[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
            gain = self.strength * (0.6 + 0.4 * np.sin(2 * np.pi * at_s / period + phase))
            part[...] = cv2.addWeighted(cut, gain, part, 1, 0)
