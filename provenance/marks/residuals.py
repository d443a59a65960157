"""What is left of frames once what a picture usually looks like is taken away. Pure.

Runs in the child process that decodes (`provenance.marks.child`), and knows no key.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SHORTER_SIDE_PX: Final = 360  # Two pixels a chip, for a mark of 180 chips.
NEARBY_PX: Final = 9
FLOOR: Final = 1.0
LIMIT: Final = 2.0


class Accumulator:
    """Adds up the residuals of luma planes, all of one size."""

    def __init__(self, *, width_px: int, height_px: int) -> None:
        shrink = min(1.0, SHORTER_SIDE_PX / min(width_px, height_px))
        self._size = (max(1, round(width_px * shrink)), max(1, round(height_px * shrink)))
        self._sum = np.zeros(self._size[::-1], np.float32)
        self.frames = 0

    def add(self, luma: NDArray[np.uint8]) -> None:
        """Add one plane. About 1.5 ms at 720p."""
        small = cv2.resize(luma, self._size, interpolation=cv2.INTER_AREA).astype(np.float32)
        self._sum += residual(small)
        self.frames += 1

    def mean(self) -> NDArray[np.float32]:
        """Return the mean residual; zeros when nothing was added."""
        return self._sum / max(self.frames, 1)


def residual(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each pixel's distance from its neighbourhood's mean, in the neighbourhood's deviations.

    Clipped at `LIMIT`, so that no edge outweighs a quiet place.
    """
    window = (NEARBY_PX, NEARBY_PX)
    mean = cv2.blur(luma, window)
    variance = cv2.blur(luma * luma, window) - mean * mean
    away = luma - mean
    away /= np.sqrt(np.maximum(variance, 0.0)) + FLOOR
    return np.clip(away, -LIMIT, LIMIT)
