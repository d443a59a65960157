"""Is the visible mark really in a file? Asked of every file before it is delivered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.contract import badge
from provenance.marks import reading

SCORE_MIN: Final = 0.5  # Mean correlation of the badge's strokes with what stands there.
SEEN_SHARE_MIN: Final = 0.8  # Of the places where a badge must be.
SINGLE_MIN: Final = 0.35


@dataclass(frozen=True)
class Presence:
    """How well the badge was seen where it must be."""

    score: float  # Mean correlation, -1 to 1.
    seen: int
    expected: int

    @property
    def is_present(self) -> bool:
        """Whether that is enough to say that the file is visibly marked."""
        return (
            self.expected > 0
            and self.score >= SCORE_MIN
            and self.seen >= SEEN_SHARE_MIN * self.expected
        )


def is_present(path: Path, text: str) -> bool:
    """Return whether a file carries the badge with this text, all the way. Raises as `reading.read`."""
    return presence_in(reading.read(path), text=text).is_present


def presence_in(video: reading.Reading, *, text: str) -> Presence:
    """Compare each sampled frame with the badge, at each place where it must stand then."""
    frame_px = (video.width_px, video.height_px)
    picture = badge.picture(text, *frame_px)
    rows, columns = picture.shape[:2]
    shrink = video.samples.shape[2] / video.width_px
    size = (max(8, round(columns * shrink)), max(8, round(rows * shrink)))
    strokes = _strokes(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    scores = []
    for luma, at_s in zip(video.samples, video.sampled_at, strict=True):
        places = badge.placements(at_s=float(at_s), frame_px=frame_px, badge_px=(columns, rows))
        if any(place.opacity < 1.0 for place in places):
            continue
        scores += [
            _score(luma, strokes, place.left_px * shrink, place.top_px * shrink) for place in places
        ]
    if not scores:
        return Presence(0.0, 0, 0)
    seen = sum(score >= SINGLE_MIN for score in scores)
    return Presence(float(np.mean(scores)), seen, len(scores))


def _strokes(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Return the badge's luma on middle grey, which is what its strokes look like anywhere."""
    luma = picture[..., :3].mean(axis=2) + 0.5 * (1.0 - picture[..., 3])
    strokes: NDArray[np.float32] = luma.astype(np.float32)
    return strokes


def _score(luma: NDArray[np.uint8], strokes: NDArray[np.float32], left: float, top: float) -> float:
    """Return the best correlation within two pixels of a place."""
    rows, columns = strokes.shape
    x, y = max(0, round(left) - 2), max(0, round(top) - 2)
    window = luma[y : y + rows + 4, x : x + columns + 4].astype(np.float32)
    if window.shape[0] < rows or window.shape[1] < columns or float(window.std()) < 1.0:
        return 0.0
    answer = cv2.matchTemplate(window, strokes, cv2.TM_CCOEFF_NORMED)
    return float(answer.max())
