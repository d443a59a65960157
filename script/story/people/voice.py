"""Speech by rule: harmonics and noise shaped by formants, no recording of anybody.

Formants after Peterson and Barney, "Control Methods Used in a Study of the Vowels", 1952; durations
and the rest are by ear. It is meant to be voiced, not to be understood over a telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000
HOP = 240  # 5 ms.
HARMONICS_MAX = 48
TOP_HZ = 5_200.0
BANDWIDTHS_HZ = (70.0, 100.0, 140.0, 220.0)
FOURTH_HZ = 3_500.0
PEAK = 0.5
HUSH = 0.0006  # A room is never silent.

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """One phoneme: formants, loudness of voice and noise, the noise's band, length, jaw."""

    formants_hz: tuple[float, float, float]
    seconds: float
    voice: float = 1.0
    noise: float = 0.0
    noise_hz: tuple[float, float] = (2_000.0, 6_000.0)
    jaw: float = 0.0  # How open the mouth is, 0 to 1.


SOUNDS = {
    "IY": Sound((270, 2290, 3010), 0.13, jaw=0.30),
    "IH": Sound((390, 1990, 2550), 0.10, jaw=0.40),
    "EH": Sound((530, 1840, 2480), 0.12, jaw=0.60),
    "AA": Sound((730, 1090, 2440), 0.15, jaw=1.00),
    "AO": Sound((570, 840, 2410), 0.14, jaw=0.80),
    "UH": Sound((440, 1020, 2240), 0.09, jaw=0.40),
    "UW": Sound((300, 870, 2240), 0.15, jaw=0.30),
    "AH": Sound((640, 1190, 2390), 0.11, jaw=0.75),
    "ER": Sound((490, 1350, 1690), 0.13, jaw=0.45),
    "M": Sound((280, 900, 2200), 0.08, voice=0.35),
    "N": Sound((280, 1700, 2600), 0.08, voice=0.38, jaw=0.15),
    "R": Sound((310, 1060, 1380), 0.08, voice=0.65, jaw=0.30),
    "L": Sound((360, 1300, 2700), 0.07, voice=0.60, jaw=0.35),
    "W": Sound((300, 610, 2200), 0.08, voice=0.60, jaw=0.15),
    "V": Sound((300, 1200, 2300), 0.07, voice=0.35, noise=0.10, jaw=0.10),
    "Z": Sound((280, 1700, 2600), 0.09, 0.30, 0.30, (4_000, 8_000), 0.15),
    "D": Sound((300, 1700, 2600), 0.05, 0.25, 0.15, (2_500, 5_000), 0.20),
    "G": Sound((300, 1900, 2400), 0.05, 0.25, 0.15, (1_500, 3_000), 0.25),
    "S": Sound((300, 1700, 2600), 0.11, 0.0, 0.40, (4_500, 9_000), 0.15),
    "F": Sound((300, 1200, 2300), 0.09, 0.0, 0.16, (1_500, 8_000), 0.10),
    "TH": Sound((300, 1400, 2500), 0.09, 0.0, 0.14, (2_000, 8_000), 0.20),
    "T": Sound((300, 1700, 2600), 0.05, 0.0, 0.35, (3_000, 7_000), 0.15),
    "K": Sound((300, 1900, 2400), 0.06, 0.0, 0.32, (1_500, 3_500), 0.25),
    "P": Sound((300, 900, 2200), 0.05, 0.0, 0.25, (500, 2_500), 0.0),
}

WORDS = {
    "zero": "Z IH R AO UH", "one": "W AH N", "two": "T UW UW", "three": "TH R IY IY",
    "four": "F AO AO R", "five": "F AA IH V", "six": "S IH K S", "seven": "S EH V AH N",
    "eight": "EH IY T", "nine": "N AA IH N", "river": "R IH V ER", "window": "W IH N D AO UH",
    "lemon": "L EH M AH N", "garden": "G AA R D AH N", "winter": "W IH N T ER",
    "silver": "S IH L V ER", "morning": "M AO R N IH N", "paper": "P EH IH P ER",
}  # fmt: skip

# A word that the table lacks is spelt out, letter by letter.
LETTERS = {
    "a": "AA", "b": "D", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "AH", "i": "IH",
    "j": "Z", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AO", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "UW", "v": "V", "w": "W", "x": "S", "y": "IY", "z": "Z",
}  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """Sound at `RATE_HZ`, mono, and the jaw's opening for each `HOP` of it, from 0 to 1."""

    samples: Samples
    jaw: Samples


def speak(
    words: Sequence[str], *, starts_s: float, ends_s: float, seconds: float,
    pitch_hz: float, tract: float, seed: int,
) -> Speech:  # fmt: skip
    """Return `seconds` of sound in which the words are spoken between `starts_s` and `ends_s`.

    Args:
        pitch_hz: the voice's mean; it falls over each word.
        tract: what the formants are multiplied with; more than 1 is a smaller head.
        seed: of the noise.
    """
    frames = round(seconds * RATE_HZ / HOP)
    track = np.zeros((frames, 9), np.float32)  # Formants 3, voice, noise, band 2, jaw, pitch.
    track[:, :3], track[:, 5:7], track[:, 8] = (500, 1500, 2500), (2000, 6000), pitch_hz
    slot = (ends_s - starts_s) / max(len(words), 1)
    for number, word in enumerate(words):
        _place(track, word, at_s=starts_s + number * slot, slot_s=slot, pitch_hz=pitch_hz)
    track = _smooth(track)
    track[:, :3] *= tract
    source = np.random.default_rng(seed)
    sound = _voiced(track) + _noise(track, source)
    peak = float(np.abs(sound).max())
    sound *= PEAK / peak if peak > 0 else 0.0
    sound += HUSH * source.standard_normal(len(sound)).astype(np.float32)
    whole = np.zeros(round(seconds * RATE_HZ), np.float32)
    length = min(len(whole), len(sound))
    whole[:length] = sound[:length]
    return Speech(whole, track[:, 7].copy())


def _sounds(word: str) -> list[Sound]:
    spelt = WORDS.get(word) or " ".join(LETTERS.get(letter, "AH") for letter in word.lower())
    return [SOUNDS[name] for name in spelt.split()]


def _place(track: Samples, word: str, *, at_s: float, slot_s: float, pitch_hz: float) -> None:
    sounds = _sounds(word)
    stretch = min(1.6, 0.86 * slot_s / sum(sound.seconds for sound in sounds))
    start = at_s
    for sound in sounds:
        end = start + sound.seconds * stretch
        first, last = round(start * RATE_HZ / HOP), round(end * RATE_HZ / HOP)
        fall = 1.08 - 0.20 * (start - at_s) / slot_s
        track[first:last] = (
            *sound.formants_hz, sound.voice, sound.noise, *sound.noise_hz, sound.jaw,
            pitch_hz * fall,
        )  # fmt: skip
        start = end


def _smooth(track: Samples) -> Samples:
    """Let everything glide for about 25 ms, as a mouth does."""
    window = np.hanning(9).astype(np.float32)[1:-1]
    window /= window.sum()
    padded = np.pad(track, ((3, 3), (0, 0)), mode="edge")
    return np.stack(
        [np.convolve(padded[:, column], window, "valid") for column in range(track.shape[1])], 1
    ).astype(np.float32)


def _voiced(track: Samples) -> Samples:
    """Sum the harmonics of the pitch, each as loud as the formants let it through."""
    count = len(track) * HOP
    places = np.arange(count) / HOP
    hops = np.arange(len(track))
    pitch = np.interp(places, hops, track[:, 8])
    phase = np.cumsum(2 * np.pi * pitch / RATE_HZ)
    sound = np.zeros(count, np.float32)
    for number in range(1, HARMONICS_MAX + 1):
        hertz = track[:, 8] * number
        loud = track[:, 3] * _through(hertz, track) / number * (hertz < TOP_HZ)
        if not loud.any():
            break
        sound += (np.interp(places, hops, loud) * np.sin(number * phase)).astype(np.float32)
    return sound


def _through(hertz: Samples, track: Samples) -> Samples:
    """Return how much of each frequency a chain of four resonators lets through."""
    gain = np.ones_like(hertz)
    fourth = np.full(len(track), FOURTH_HZ, np.float32)
    for centre, width in zip((*track[:, :3].T, fourth), BANDWIDTHS_HZ, strict=True):
        square, half = centre * centre, width * width / 4
        peak = square + half
        gain *= peak / np.sqrt(((hertz - centre) ** 2 + half) * ((hertz + centre) ** 2 + half))
    return gain


def _noise(track: Samples, source: np.random.Generator) -> Samples:
    """Return hiss, shaped anew for each 10 ms and overlapped."""
    size = 4 * HOP
    sound = np.zeros(len(track) * HOP + size, np.float32)
    window = np.hanning(size).astype(np.float32)
    hertz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    for hop in np.flatnonzero(track[:, 4] > 0.005):
        low, high = track[hop, 5:7]
        shape = np.exp(-((np.maximum(np.maximum(low - hertz, hertz - high), 0) / 600) ** 2))
        white = np.fft.rfft(source.standard_normal(size))
        piece = np.fft.irfft(white * shape, size) * window * track[hop, 4] * 0.5
        sound[hop * HOP : hop * HOP + size] += piece.astype(np.float32)
    return sound[: len(track) * HOP]
