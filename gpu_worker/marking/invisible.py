"""The invisible mark's embedder: changes the luma plane by about two levels of 255.

The same pattern lies on every frame, so a codec that predicts a frame from another keeps it, and a
detector can add frames up. Two things adapt: each chip's amplitude follows what the picture hides
there, and each code bit's energy follows how far the picture itself speaks for or against it.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.contract import mark

TARGET_MSE: Final = 255.0**2 / 10 ** (42.0 / 10)  # 42 dB PSNR over the whole frame.
AMPLITUDE_MIN: Final = 0.9  # Levels; below one half nothing is left after rounding.
AMPLITUDE_MAX: Final = 7.0
AMPLITUDE_PER_ROOT_MAX: Final = 0.27
GROUND: Final = 20.0  # Levels squared: keeps flat ground at 1.2 levels, less than SSIM would allow.
POWER_LEFT: Final = 0.75  # Of the power of +-a chips, after interpolation and rounding.
GAIN_MIN: Final = 0.6
GAIN_MAX: Final = 1.9
MEMORY_FRAMES: Final = 48.0  # How long the picture's own voice is remembered.
VOICE_FLOOR: Final = 2.0  # Levels of deviation below which the detector trusts no residual more.

Floats = NDArray[Any]  # Of float32; OpenCV's stubs lose the type.


class InvisibleMark:
    """Embeds one 64-bit payload in the luma planes of one render, frame by frame, in order."""

    def __init__(self, *, key: bytes, payload: int, width_px: int, height_px: int) -> None:
        """Lay the key's tile over a frame of this size. Takes about a millisecond."""
        self._size = (width_px, height_px)
        self._chip_px = mark.chip_px(width_px=width_px, height_px=height_px)
        columns, rows = (int(np.ceil(side / self._chip_px)) for side in self._size)
        tile = mark.pattern(key)
        code = np.append(mark.encode(payload), np.int8(1))  # Index -1 is the pilot's +1.
        repeats = (-(-rows // mark.TILE_CHIPS), -(-columns // mark.TILE_CHIPS))
        self._bits = np.tile(tile.bits, repeats)[:rows, :columns] % (mark.CODE_BITS + 1)
        signs = (tile.signs * code[tile.bits]).astype(np.float32)
        self._signs = np.ascontiguousarray(np.tile(signs, repeats)[:rows, :columns])
        self._flat_bits = np.ascontiguousarray(self._bits.ravel())
        self._counts = np.bincount(self._flat_bits, minlength=mark.CODE_BITS + 1).clip(1)
        self._voice = np.zeros(mark.CODE_BITS + 1)
        self._frames = 0.0

    def embed(self, luma: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Mark the Y plane (height, width) of a YUV 4:2:0 frame, in place, and return it.

        Call it for each frame in order; a scene cut needs no notice. About 5 ms at 720p.

        Raises:
            ValueError: the plane's shape is not that of the frames announced.
        """
        if luma.shape != self._size[::-1]:
            raise ValueError("the plane is not of the size announced")
        means, deviations = self._chip_statistics(luma)
        amplitudes = _amplitudes(deviations)
        amplitudes *= self._gains(means, deviations, amplitudes)[self._bits]
        amplitudes *= self._signs
        rows, columns = amplitudes.shape
        whole = (round(columns * self._chip_px), round(rows * self._chip_px))
        delta = cv2.resize(amplitudes, whole, interpolation=cv2.INTER_CUBIC)
        delta = delta[: luma.shape[0], : luma.shape[1]]
        cv2.add(luma, delta, dst=luma, dtype=cv2.CV_8U)
        return luma

    def _chip_statistics(self, luma: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Return each chip's mean, and the deviation of the pixels around it, in levels."""
        rows, columns = self._signs.shape
        half = cv2.resize(luma, (columns * 2, rows * 2), interpolation=cv2.INTER_AREA)
        half = half.astype(np.float32)
        means = cv2.resize(half, (columns, rows), interpolation=cv2.INTER_AREA)
        squares = cv2.resize(half * half, (columns, rows), interpolation=cv2.INTER_AREA)
        window = (3, 3)
        mean = cv2.blur(means, window)
        variance = cv2.blur(squares, window) - mean * mean
        return means, np.sqrt(np.maximum(variance, 0.0))

    def _gains(self, means: Floats, deviations: Floats, amplitudes: Floats) -> Floats:
        """Return the factor for each code bit: more where the picture speaks against it."""
        trust = 1.0 / (deviations + VOICE_FLOOR)
        residual = (means - cv2.blur(means, (3, 3))) * trust
        np.clip(residual, -1.5, 1.5, out=residual)
        voice = self._by_bit(residual * self._signs)
        reach = self._by_bit(amplitudes * trust)
        self._frames = min(self._frames + 1.0, MEMORY_FRAMES)
        self._voice += (voice - self._voice) / self._frames
        wanted = float(reach.mean()) + float(self._voice.mean())
        gains = (wanted - self._voice) / np.maximum(reach, 1e-6)
        gains = np.clip(gains, GAIN_MIN, GAIN_MAX)
        gains[mark.CODE_BITS] = 1.0
        normal: Floats = (gains / np.sqrt(np.mean(gains * gains))).astype(np.float32)
        return normal

    def _by_bit(self, values: Floats) -> NDArray[np.float64]:
        sums = np.bincount(self._flat_bits, values.ravel(), minlength=mark.CODE_BITS + 1)
        shares: NDArray[np.float64] = sums / self._counts
        return shares


def _amplitudes(deviations: Floats) -> Floats:
    """Return each chip's amplitude in levels: what costs every place the same SSIM.

    A noise of amplitude a costs about a^2 / (2 deviation^2 + C2 + a^2) of SSIM (Wang et al., 2004),
    so a is proportional to the root of 2 deviation^2 + C2. The least deviation nearby counts, so that
    flat ground beside an edge stays quiet. Then the whole is scaled to `TARGET_MSE`.
    """
    quiet = cv2.erode(deviations, np.ones((3, 3), np.uint8))
    amplitudes = np.sqrt(2.0 * quiet * quiet + GROUND)
    scale = np.sqrt(TARGET_MSE / (POWER_LEFT * float(np.mean(amplitudes * amplitudes))))
    amplitudes *= min(scale, AMPLITUDE_PER_ROOT_MAX)
    limited: Floats = np.clip(amplitudes, AMPLITUDE_MIN, AMPLITUDE_MAX)
    return limited
