"""The visible mark: draws the contract's badge on frames."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.contract import badge


class VisibleMark:
    """Draws the badge on the frames of one render."""

    def __init__(self, *, text: str, width_px: int, height_px: int, fps: float) -> None:
        """Draw the badge once, for frames of this size.

        Raises:
            ValueError: the text is not one for a badge, or the rate is not positive.
        """
        if not fps > 0:
            raise ValueError("frames pass at a positive rate")
        self._frame_px, self._fps = (width_px, height_px), fps
        self._badge = badge.picture(text, width_px, height_px)
        rows, columns = self._badge.shape[:2]
        self._badge_px = (columns, rows)

    def draw(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Draw on frame number `index`, RGB uint8 of shape (height, width, 3), in place. About 1 ms.

        Raises:
            ValueError: the frame's shape is not that of the frames announced.
        """
        if frame.shape != (self._frame_px[1], self._frame_px[0], 3):
            raise ValueError("the frame is not of the size announced")
        places = badge.placements(
            at_s=index / self._fps, frame_px=self._frame_px, badge_px=self._badge_px
        )
        for place in places:
            self._lay(frame, place)
        return frame

    def _lay(self, frame: NDArray[np.uint8], place: badge.Placement) -> None:
        """Blend the badge in at a place between pixels, so that its drift is smooth."""
        left, top = math.floor(place.left_px), math.floor(place.top_px)
        shift = np.array([[1, 0, place.left_px - left], [0, 1, place.top_px - top]], np.float32)
        size = (self._badge_px[0] + 1, self._badge_px[1] + 1)
        layer = cv2.warpAffine(self._badge, shift, size, flags=cv2.INTER_LINEAR)
        under = frame[max(top, 0) : top + size[1], max(left, 0) : left + size[0]]
        layer = layer[max(-top, 0) :, max(-left, 0) :][: under.shape[0], : under.shape[1]]
        kept = 1.0 - layer[..., 3:] * place.opacity
        under[...] = (under * kept + layer[..., :3] * (255.0 * place.opacity) + 0.5).astype(
            np.uint8
        )
