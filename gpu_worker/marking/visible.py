"""The visible mark: a small moving badge that names the service and the render."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class VisibleMark:
    """Draws the badge on the frames of one render."""

    def __init__(self, *, text: str, width_px: int, height_px: int, fps: float) -> None:
        self.text, self.width_px, self.height_px, self.fps = text, width_px, height_px, fps

    def draw(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Draw on frame number `index`, RGB uint8 of shape (height, width, 3), in place."""
        return frame
