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


@dataclass(frozen=True)
class Part:
    """A stretch of one person's voice: mono, when it begins in the clip, and where they stand (0 to 1)."""

    voice: Sound
    starts_at_s: float
    x: float


def mix(parts: list[Part], *, seconds: float, ambience: str, seed: int, bed: Sound | None) -> Sound:
    """Return the clip's sound, float32 in [-1, 1], shape (2, samples).

    `bed` is a parent's sound, shape (2, n), which then takes the place of the ambience.
    """
    count = round(seconds * SAMPLE_RATE_HZ)
    voices = np.zeros((2, count), np.float32)
    for part in parts:
        _place(voices, part)
    under = make_ambience(ambience, count=count, seed=seed) if bed is None else _fitted(bed, count)
    level = _smooth(np.abs(voices).max(axis=0), 0.12)
    duck = 1 - (1 - AMBIENCE_UNDER_VOICE) * np.clip(level * 14, 0, 1)
    total = voices + under * duck
    edge = _edges(count, CLIP_FADE_S)
    return np.asarray(np.tanh(total * edge * 1.1) / 1.1, np.float32)


def make_ambience(name: str, *, count: int, seed: int) -> Sound:
    """Return a scene's ambience: waves, wind, a city's hum, birds, or a slow chord."""
    rng = np.random.default_rng([seed, 3])
    at = np.arange(count, dtype=np.float32) / SAMPLE_RATE_HZ
    if name == "sea":
        swell = 0.5 + 0.5 * np.sin(2 * np.pi * at / 5.2 + float(rng.uniform(0, 6)))
        made = _noise(rng, count, low=60, high=900) * (0.25 + swell**2) * 0.16
        made += _noise(rng, count, low=900, high=6000) * swell**3 * 0.045
    elif name == "wind":
        gust = 0.5 + 0.5 * np.sin(2 * np.pi * at / 6.7) * np.sin(2 * np.pi * at / 2.9 + 1)
        made = _noise(rng, count, low=90, high=520) * (0.35 + 0.65 * gust) * 0.14
    elif name == "city":
        made = _noise(rng, count, low=35, high=240) * 0.13
        made += _noise(rng, count, low=300, high=1600) * 0.014
    elif name == "forest":
        made = _noise(rng, count, low=200, high=1800) * 0.022
        made += _birds(rng, at)
    elif name == "space":
        made = _chord(at, (55.0, 82.4, 110.0, 164.8), 0.05) + _noise(rng, count, 30, 120) * 0.05
    else:
        made = _chord(at, (130.8, 164.8, 196.0, 246.9), 0.018)
        made += _noise(rng, count, low=80, high=600) * 0.012
    return np.asarray(made, np.float32)


def turn_gain(count: int, *, start: float, end: float, offset_s: float) -> Sound:
    """Return how loud a voice is over its samples: 1 in its turn, with soft edges."""
    at = np.arange(count, dtype=np.float32) / SAMPLE_RATE_HZ + offset_s
    rise = np.clip((at - start) / FADE_S, 0, 1) * np.clip((end - at) / FADE_S, 0, 1)
    return np.asarray(VOICE_OUT_OF_TURN + (1 - VOICE_OUT_OF_TURN) * rise, np.float32)


def _place(voices: Sound, part: Part) -> None:
    begin = round(part.starts_at_s * SAMPLE_RATE_HZ)
    piece = part.voice[: voices.shape[1] - begin]
    angle = (0.25 + 0.5 * part.x) * np.pi / 2  # Equal power, and never wholly to one side.
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * np.sqrt(2)
    voices[:, begin : begin + piece.size] += piece * gains


def _noise(rng: np.random.Generator, count: int, low: float, high: float) -> Sound:
    """Return stereo noise between two frequencies, in Hz, falling softly at both ends."""
    size = 1 << (count - 1).bit_length()
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    shape = 1 / np.sqrt(1 + (low / np.maximum(frequency, 1)) ** 4)
    shape /= np.sqrt(1 + (frequency / high) ** 4) * np.sqrt(np.maximum(frequency, low) / low)
    made = []
    for _ in range(2):
        phases = rng.random(frequency.size, np.float32) * (2 * np.pi)
        wave = np.fft.irfft(shape * np.exp(1j * phases), size)[:count]
        made.append(wave / max(float(np.std(wave)), 1e-9))
    return np.asarray(np.stack(made), np.float32)


def _chord(at: Sound, notes: tuple[float, ...], level: float) -> Sound:
    made = np.zeros((2, at.size), np.float32)
    for number, note in enumerate(notes):
        breath = 0.6 + 0.4 * np.sin(2 * np.pi * at / (7.0 + number) + number)
        for side, detune in enumerate((0.998, 1.002)):
            made[side] += np.sin(2 * np.pi * note * detune * at) * breath * level
    return made


def _birds(rng: np.random.Generator, at: Sound) -> Sound:
    made = np.zeros((2, at.size), np.float32)
    seconds = at.size / SAMPLE_RATE_HZ
    for _ in range(int(seconds * 0.9) + 1):
        start, pitch, side = rng.uniform(0, seconds), rng.uniform(2600, 4600), int(rng.integers(2))
        for note in range(int(rng.integers(2, 6))):
            begin = int((start + note * 0.13) * SAMPLE_RATE_HZ)
            piece = np.arange(min(4300, max(0, at.size - begin))) / SAMPLE_RATE_HZ
            if not piece.size:
                continue
            sweep = np.sin(2 * np.pi * (pitch * piece + 2600 * piece * piece * (-1) ** note))
            made[side, begin : begin + piece.size] += (
                0.022 * sweep * np.sin(np.pi * piece / piece[-1].clip(1e-3)) ** 2
            )
            made[1 - side, begin : begin + piece.size] += (
                0.4 * made[side, begin : begin + piece.size]
            )
    return made


def _fitted(bed: Sound, count: int) -> Sound:
    """Return a sound of exactly so many samples: cut, or filled with silence."""
    fitted = np.zeros((2, count), np.float32)
    part = bed[:, :count]
    fitted[:, : part.shape[1]] = part
    return fitted


def _smooth(level: Sound, seconds: float) -> Sound:
    window = max(1, int(seconds * SAMPLE_RATE_HZ))
    total = np.cumsum(np.concatenate([np.zeros(1, np.float64), level]))
    ends = np.minimum(np.arange(level.size) + window // 2, level.size)
    starts = np.maximum(np.arange(level.size) - window // 2, 0)
    return np.asarray((total[ends] - total[starts]) / window, np.float32)


def _edges(count: int, seconds: float) -> Sound:
    at = np.arange(count, dtype=np.float32) / SAMPLE_RATE_HZ
    return np.clip(np.minimum(at, at[::-1]) / seconds, 0, 1)
