"""The soundtrack: the cast's voices, by turns, over a soft ambience made for the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.plans import SAMPLE_RATE_HZ

Sound = NDArray[np.float32]

VOICE_OUT_OF_TURN = 0.0
FADE_S = 0.06
CLIP_FADE_S = 0.25
AMBIENCE_UNDER_VOICE = 0.55
LOOP_SAMPLES = 2**18  # About 5.5 seconds.

# Each noise: its lowest and highest frequency in Hz, and how loud.
NOISES = {
    "sea": ((60, 900, 0.13), (900, 6000, 0.04)),
    "wind": ((90, 520, 0.12),),
    "city": ((35, 240, 0.11), (300, 1600, 0.012)),
    "forest": ((200, 1800, 0.02),),
    "space": ((30, 120, 0.045),),
    "room": ((80, 600, 0.01),),
}
# Each tone: its frequency in Hz, and how loud.
CHORDS = {
    "space": ((55.0, 0.05), (82.4, 0.05), (110.0, 0.05), (164.8, 0.05)),
    "room": ((130.8, 0.018), (164.8, 0.018), (196.0, 0.018), (246.9, 0.018)),
}


@dataclass(frozen=True)
class Part:
    """A stretch of one person's voice: mono, when it begins in the clip, and where they stand (0 to 1)."""

    voice: Sound
    starts_at_s: float
    x: float


class Soundtrack:
    """A clip's sound, made piece after piece, so that nobody waits for a long one.

    `bed` is a parent's sound, shape (2, n), which then takes the place of the ambience.
    """

    def __init__(
        self, parts: list[Part], *, samples: int, ambience: str, seed: int, bed: Sound | None
    ) -> None:
        self._parts, self._samples = parts, samples
        self._ambience = Ambience(ambience, seed=seed)
        self._bed, self._duck = bed, 1.0

    def piece(self, begin: int, end: int) -> Sound:
        """Return the samples from `begin` up to `end`, float32 in [-1, 1], shape (2, end - begin).

        To be asked for in order: how much the ambience gives way to the voices is remembered.
        """
        voices = np.zeros((2, end - begin), np.float32)
        for part in self._parts:
            _place(voices, part, begin)
        under = self._ambience.piece(begin, end) if self._bed is None else self._fitted(begin, end)
        loud = float(np.sqrt(np.mean(voices**2))) if voices.size else 0.0
        wanted = 1 - (1 - AMBIENCE_UNDER_VOICE) * min(1.0, loud * 14)
        gain = np.linspace(self._duck, wanted, end - begin, dtype=np.float32)
        self._duck = wanted
        at = np.arange(begin, end, dtype=np.float32)
        edge = np.minimum(at, self._samples - 1 - at) / (CLIP_FADE_S * SAMPLE_RATE_HZ)
        total = (voices + under * gain) * np.clip(edge, 0, 1)
        return np.asarray(np.tanh(total * 1.1) / 1.1, np.float32)

    def _fitted(self, begin: int, end: int) -> Sound:
        """Return a stretch of the parent's sound, with silence after its end."""
        assert self._bed is not None
        fitted = np.zeros((2, end - begin), np.float32)
        part = self._bed[:, begin:end]
        fitted[:, : part.shape[1]] = part
        return fitted


class Ambience:
    """A scene's ambience: waves, wind, a city's hum, birds, or a slow chord."""

    def __init__(self, name: str, *, seed: int) -> None:
        self._name, self._rng = name, np.random.default_rng([seed, 3])
        self._phase = float(self._rng.uniform(0, 6))
        self._noises = [
            (_noise(self._rng, low=low, high=high), gain)
            for low, high, gain in NOISES.get(name, NOISES["room"])
        ]
        self._birds = _birds(self._rng) if name == "forest" else None

    def piece(self, begin: int, end: int) -> Sound:
        """Return the samples from `begin` up to `end`, shape (2, end - begin)."""
        at = np.arange(begin, end, dtype=np.float64) / SAMPLE_RATE_HZ
        made = np.zeros((2, end - begin), np.float32)
        for number, (noise, gain) in enumerate(self._noises):
            made += _around(noise, begin, end) * (gain * self._swell(number, at))
        if self._birds is not None:
            made += _around(self._birds, begin, end)
        for number, (note, gain) in enumerate(CHORDS.get(self._name, ())):
            breath = 0.6 + 0.4 * np.sin(2 * np.pi * at / (7.0 + number) + number)
            for side, detune in enumerate((0.998, 1.002)):
                made[side] += (np.sin(2 * np.pi * note * detune * at) * breath * gain).astype(
                    np.float32
                )
        return made

    def _swell(self, number: int, at: NDArray[np.float64]) -> Sound:
        """Return how loud one noise is at each moment: seas swell, and wind comes in gusts."""
        if self._name == "sea":
            swell = 0.5 + 0.5 * np.sin(2 * np.pi * at / 5.2 + self._phase)
            return np.asarray(0.25 + swell**2 if number == 0 else swell**3, np.float32)
        if self._name == "wind":
            gust = 0.5 + 0.5 * np.sin(2 * np.pi * at / 6.7) * np.sin(2 * np.pi * at / 2.9 + 1)
            return np.asarray(0.35 + 0.65 * gust, np.float32)
        return np.ones(at.size, np.float32)


def turn_gain(count: int, *, start: float, end: float, offset_s: float) -> Sound:
    """Return how loud a voice is over its samples: 1 in its turn, with soft edges."""
    at = np.arange(count, dtype=np.float32) / SAMPLE_RATE_HZ + offset_s
    rise = np.clip((at - start) / FADE_S, 0, 1) * np.clip((end - at) / FADE_S, 0, 1)
    return np.asarray(VOICE_OUT_OF_TURN + (1 - VOICE_OUT_OF_TURN) * rise, np.float32)


def _place(voices: Sound, part: Part, begin: int) -> None:
    """Add what of one voice falls into a piece that begins at that sample."""
    first = round(part.starts_at_s * SAMPLE_RATE_HZ) - begin
    piece = part.voice[max(0, -first) : max(0, voices.shape[1] - first)]
    if not piece.size:
        return
    angle = (0.25 + 0.5 * part.x) * np.pi / 2  # Equal power, and never wholly to one side.
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * np.sqrt(2, dtype=np.float32)
    voices[:, max(0, first) : max(0, first) + piece.size] += piece * gains


def _around(loop: Sound, begin: int, end: int) -> Sound:
    """Return a stretch of a sound that comes round without a seam."""
    return np.asarray(loop[:, np.arange(begin, end) % loop.shape[1]], np.float32)


def _noise(rng: np.random.Generator, *, low: float, high: float) -> Sound:
    """Return stereo noise between two frequencies, in Hz, falling softly at both ends.

    Made from its spectrum it comes round without a seam.
    """
    frequency = np.fft.rfftfreq(LOOP_SAMPLES, 1 / SAMPLE_RATE_HZ)
    shape = 1 / np.sqrt(1 + (low / np.maximum(frequency, 1)) ** 4)
    shape /= np.sqrt(1 + (frequency / high) ** 4) * np.sqrt(np.maximum(frequency, low) / low)
    made = []
    for _ in range(2):
        phases = rng.random(frequency.size, np.float32) * (2 * np.pi)
        wave = np.fft.irfft(shape * np.exp(1j * phases), LOOP_SAMPLES)
        made.append(wave / max(float(np.std(wave)), 1e-9))
    return np.asarray(np.stack(made), np.float32)


def _birds(rng: np.random.Generator) -> Sound:
    """Return calls of a few birds, near and far, left and right."""
    made = np.zeros((2, LOOP_SAMPLES), np.float32)
    seconds = LOOP_SAMPLES / SAMPLE_RATE_HZ
    for _ in range(int(seconds * 0.8)):
        start, pitch, side = rng.uniform(0, seconds), rng.uniform(2600, 4600), int(rng.integers(2))
        for note in range(int(rng.integers(2, 6))):
            begin = int((start + note * 0.13) * SAMPLE_RATE_HZ)
            at = np.arange(min(4300, max(0, LOOP_SAMPLES - begin))) / SAMPLE_RATE_HZ
            if at.size < 2:
                continue
            sweep = np.sin(2 * np.pi * (pitch * at + 2600 * at * at * (-1) ** note))
            call = 0.02 * sweep * np.sin(np.pi * at / at[-1]) ** 2
            made[side, begin : begin + at.size] += call
            made[1 - side, begin : begin + at.size] += 0.4 * call
    return made
