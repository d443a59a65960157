"""Finding the mark in an accumulated residual: first where it lies, then what it says. Pure.

The residual is what is left of the frames' luma once what a picture usually looks like was taken
away, added up over time (`provenance.marks.residuals`). The mark repeats every 64 chips, so for each
size that a chip may have the residual is folded on one tile, and correlated with the pilot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.contract import mark
from provenance.marks import viterbi

SAMPLES: Final = 2  # Per chip, while searching.
TILE_SAMPLES: Final = mark.TILE_CHIPS * SAMPLES
CHIPS_ACROSS_MIN: Final = 40.0
CHIPS_ACROSS_MAX: Final = 150.0
SCALE_STEP: Final = 0.003
PEAK_MIN: Final = 4.6  # Standard deviations of the pilot's correlation.
CANDIDATES_MAX: Final = 8
REFINEMENTS: Final = (-0.0018, -0.0009, 0.0, 0.0009, 0.0018)


@dataclass(frozen=True)
class Found:
    """A payload whose MAC holds, and how it lay in the frame."""

    payload: int
    confidence: float  # Mean agreement of the soft bits with the code word, 0 to 1.
    chips_across: float  # Along the shorter side of the frame.
    shift_chips: tuple[float, float]  # Right, down: where the tile's corner lies.


@dataclass(frozen=True)
class _Peak:
    height: float
    chips_across: tuple[float, float]
    row: int
    column: int


Residuals = tuple[NDArray[np.float32], ...]


def find(
    residuals: Residuals, *, likely: tuple[float, ...], pattern_key: bytes, mac_key: bytes
) -> Found | None:
    """Return the mark in a video's residuals, or None.

    Args:
        residuals: One or more of shape (height, width), float32, of one video, finest first.
        likely: Numbers of chips along the shorter side to try before the whole range.
        pattern_key: 32 bytes, places the pattern.
        mac_key: 32 bytes, proves the payload.
    """
    tile = mark.pattern(pattern_key)
    template = _pilot_spectrum(pattern_key)
    for sizes in (likely, tuple(_sizes())):
        peaks = [_peak(residuals, template, (size, size)) for size in sizes]
        peaks.sort(key=lambda peak: -peak.height)
        for peak in peaks[:CANDIDATES_MAX]:
            if peak.height < PEAK_MIN:
                break
            best = _refined(residuals, template, peak)
            found = _read(residuals, tile, best, mac_key)
            if found is not None:
                return found
    return None


def _sizes() -> Iterator[float]:
    size = CHIPS_ACROSS_MAX
    while size >= CHIPS_ACROSS_MIN:
        yield size
        size *= 1.0 - SCALE_STEP


def _refined(residuals: Residuals, template: NDArray[np.complex128], peak: _Peak) -> _Peak:
    """Return the best peak nearby, the two axes apart: a resize rounds each for itself."""
    across, along = peak.chips_across
    tries = [
        _peak(residuals, template, (across * (1.0 + step), along * (1.0 + step)))
        for step in REFINEMENTS
    ]
    best = max([peak, *tries], key=lambda one: one.height)
    across, along = best.chips_across
    tries = [_peak(residuals, template, (across, along * (1.0 + step))) for step in REFINEMENTS]
    return max([best, *tries], key=lambda one: one.height)


def _peak(
    residuals: Residuals,
    template: NDArray[np.complex128],
    chips_across: tuple[float, float],
) -> _Peak:
    folded = _folded(_suited(residuals, chips_across), chips_across)
    correlation = np.fft.irfft2(np.fft.rfft2(folded) * template, folded.shape)
    place = int(correlation.argmax())
    row, column = divmod(place, TILE_SAMPLES)
    spread = float(correlation.std()) or 1.0
    return _Peak(float(correlation[row, column]) / spread, chips_across, row, column)


def _suited(residuals: Residuals, chips_across: tuple[float, float]) -> NDArray[np.float32]:
    """Return the coarsest residual that still has two pixels a chip, or else the finest."""
    chips = min(chips_across)
    fitting = [one for one in residuals if min(one.shape) >= SAMPLES * chips * 0.96]
    return fitting[-1] if fitting else residuals[0]


def _folded(
    residual: NDArray[np.float32], chips_across: tuple[float, float]
) -> NDArray[np.float32]:
    """Return the residual at `SAMPLES` a chip, all tiles added on one another."""
    height, width = residual.shape
    shorter = min(height, width)
    scales = [SAMPLES * chips / shorter for chips in chips_across]
    columns, rows = round(width * scales[0]), round(height * scales[1])
    matrix = np.array(
        [[1 / scales[0], 0, 0.5 / scales[0] - 0.5], [0, 1 / scales[1], 0.5 / scales[1] - 0.5]]
    )
    tiles_across, tiles_down = -(-columns // TILE_SAMPLES), -(-rows // TILE_SAMPLES)
    sampled = cv2.warpAffine(
        residual,
        matrix,
        (tiles_across * TILE_SAMPLES, tiles_down * TILE_SAMPLES),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    shape = (tiles_down, TILE_SAMPLES, tiles_across, TILE_SAMPLES)
    folded: NDArray[np.float32] = sampled.reshape(shape).sum(axis=(0, 2))
    return folded


def _read(residuals: Residuals, tile: mark.Pattern, peak: _Peak, mac_key: bytes) -> Found | None:
    folded = _folded(_suited(residuals, peak.chips_across), peak.chips_across)
    aligned = np.roll(folded, (-peak.row, -peak.column), axis=(0, 1))
    chips = cv2.resize(aligned, (mark.TILE_CHIPS,) * 2, interpolation=cv2.INTER_AREA)
    values = (chips * tile.signs).ravel().astype(np.float64)
    data = tile.bits.ravel() != mark.PILOT
    sums = np.bincount(tile.bits.ravel()[data], values[data], minlength=mark.CODE_BITS)
    soft = sums / (float(np.abs(sums).mean()) or 1.0)
    payload = viterbi.decode(soft)
    if mark.verified(payload, mac_key) is None:
        return None
    agreement = float(np.clip((soft * mark.encode(payload)).mean(), 0.0, 1.0))
    shift = (_signed(peak.column) / SAMPLES, _signed(peak.row) / SAMPLES)
    return Found(payload, agreement, min(peak.chips_across), shift)


def _signed(samples: int) -> int:
    return samples - TILE_SAMPLES if samples >= TILE_SAMPLES // 2 else samples


@lru_cache(maxsize=8)
def _pilot_spectrum(pattern_key: bytes) -> NDArray[np.complex128]:
    """Return the conjugate spectrum of the pilot, shaped as the embedder's interpolation does."""
    tile = mark.pattern(pattern_key)
    pilot = np.where(tile.bits == mark.PILOT, tile.signs, 0).astype(np.float32)
    around = np.tile(pilot, (3, 3))
    side = 3 * TILE_SAMPLES
    shaped = cv2.resize(around, (side, side), interpolation=cv2.INTER_CUBIC)
    middle = shaped[TILE_SAMPLES : 2 * TILE_SAMPLES, TILE_SAMPLES : 2 * TILE_SAMPLES]
    return np.conj(np.fft.rfft2(middle))
