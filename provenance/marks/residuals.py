"""What is left of frames once what a picture usually looks like is taken away. Pure.

Runs in the child process that decodes (`provenance.marks.child`), and knows no key.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

# The shorter sides at which residuals are kept: each for chips of 2 to 3.2 of its pixels.
LINES: Final = (360, 226, 142)
NEARBY_PX: Final = 5
FLOOR: Final = 1.0
LIMIT: Final = 2.0


class Accumulator:
    """Adds up the residuals of luma planes, all of one size."""

    def __init__(self, *, width_px: int, height_px: int) -> None:
        shorter = min(width_px, height_px)
        self._sums = []
        for lines in LINES:
            shrink = min(1.0, lines / shorter)
            size = (max(1, round(height_px * shrink)), max(1, round(width_px * shrink)))
            self._sums.append(np.zeros(size, np.float32))
        self.frames = 0

    def add(self, luma: NDArray[np.uint8]) -> None:
        """Add one plane. About 2 ms at 720p."""
        for total in self._sums:
            size = total.shape[::-1]
            small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            np.add(total, residual(small), out=total)
        self.frames += 1

    def means(self) -> tuple[NDArray[np.float32], ...]:
        """Return the mean residual at each of `LINES`, finest first; zeros when nothing was added."""
        return tuple((total / max(self.frames, 1)).astype(np.float32) for total in self._sums)


def residual(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each pixel's distance from its neighbourhood's mean, in the neighbourhood's deviations.

    Clipped at `LIMIT`, so that no edge outweighs a quiet place.
    """
    window = (NEARBY_PX, NEARBY_PX)
    mean = cv2.blur(luma, window)
    variance = cv2.blur(luma * luma, window) - mean * mean
    away: NDArray[np.float32] = luma - mean
    away /= np.sqrt(np.maximum(variance, 0.0)) + FLOOR
    limited: NDArray[np.float32] = np.clip(away, -LIMIT, LIMIT)
    return limited
