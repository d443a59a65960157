"""A screen in the scene, on which a remix shows its parent, as it was released."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import media
from gpu_worker.backends.studio.layers import Image, Size, View
from gpu_worker.contract.errors import ParentUnreadable

DEPTH = 1.6
WIDE_BESIDE, WIDE_ALONE = 0.66, 0.82  # Of the frame's width.
X_BESIDE, X_ALONE = 0.385, 0.5
Y = 0.44
CORNER = 0.018  # Radius, of the frame's height.
RIM = (236, 240, 246)


class Screen:
    """Plays a parent's file, again from its beginning when it is shorter than the clip."""

    def __init__(self, parent: bytes, *, size: Size, is_beside: bool) -> None:
        """Open the file. `is_beside` leaves room for people at the right.

        Raises:
            ParentUnreadable: not a video.
        """
        self._parent, self._size = parent, size
        self._wide = WIDE_BESIDE if is_beside else WIDE_ALONE
        self._x = X_BESIDE if is_beside else X_ALONE
        self._began_at_s = 0.0
        self._frames: Iterator[media.Frame]
        self._now: media.Frame
        self._next: media.Frame | None
        self._rewind()
        rows, columns = self._now.rgb.shape[:2]
        self._plate = _plate(columns, rows, radius=max(2, round(size.height * CORNER / 0.7)))

    def sound(self, seconds: float) -> NDArray[np.float32]:
        """Return the parent's sound, shape (2, samples), of at most so many seconds."""
        try:
            mono = media.sound(self._parent, until_s=seconds)
        except media.Unreadable as exc:
            raise ParentUnreadable(at="sound") from exc
        return np.stack([mono, mono])

    def draw(self, frame: Image, *, at_s: float, view: View) -> None:
        """Lay the screen over a frame, in place.

        Raises:
            ParentUnreadable: the file breaks off in the middle of a frame.
        """
        rgb = self._picture(at_s)
        height, width = frame.shape[:2]
        rows, columns = rgb.shape[:2]
        seen = view.at_depth(DEPTH)
        scale = self._wide * width / columns * seen.zoom
        across = (self._x * width - width / 2) * seen.zoom + width / 2 - seen.right * height
        down = (Y * height - height / 2) * seen.zoom + height / 2 - seen.down * height
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
        half = np.array([columns, rows], np.float32) * scale / 2
        target = corners * half + np.array([across, down], np.float32)
        # Turned a little towards the person beside it: the far side is smaller.
        if self._x < 0.5:
            target[[0, 3], 1] += np.array([half[1], -half[1]], np.float32) * -0.02
            target[[1, 2], 1] += np.array([half[1], -half[1]], np.float32) * 0.035
        source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
        self._lay(frame, rgb, cv2.getPerspectiveTransform(source, target), target)

    def _lay(
        self, frame: Image, rgb: Image, matrix: NDArray[Any], target: NDArray[np.float32]
    ) -> None:
        height, width = frame.shape[:2]
        spread = round(height * 0.05)
        low = np.floor(target.min(axis=0)).astype(int) - spread
        high = np.ceil(target.max(axis=0)).astype(int) + spread
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(width, int(high[0])), min(height, int(high[1]))
        if right <= left or bottom <= top:
            return
        move = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
        size = (right - left, bottom - top)
        picture = cv2.warpPerspective(rgb, move @ matrix, size, flags=cv2.INTER_AREA)
        alpha, rim = (
            cv2.warpPerspective(plane, move @ matrix, size, flags=cv2.INTER_LINEAR)
            for plane in self._plate
        )
        part = frame[top:bottom, left:right]
        small = cv2.resize(alpha, (max(1, size[0] // 8), max(1, size[1] // 8)))
        glow = cv2.resize(cv2.GaussianBlur(small, (0, 0), max(0.6, spread / 24)), size)
        shade = cv2.convertScaleAbs(glow, alpha=-0.5, beta=255)
        under = cv2.multiply(part, cv2.merge((shade, shade, shade)), scale=1 / 255)
        inner = cv2.merge((alpha, alpha, alpha))
        lit = cv2.add(
            picture, cv2.merge([cv2.convertScaleAbs(rim, alpha=one / 255) for one in RIM])
        )
        kept = cv2.multiply(under, cv2.bitwise_not(inner), scale=1 / 255)
        part[...] = cv2.add(kept, cv2.multiply(lit, inner, scale=1 / 255))

    def _picture(self, at_s: float) -> Image:
        """Return the parent's frame for a moment of the clip. Moments only go forward."""
        try:
            while (
                self._next is not None and self._next.shown_at_s <= at_s - self._began_at_s + 1e-6
            ):
                self._now, self._next = self._next, next(self._frames, None)
            if self._next is None and at_s - self._began_at_s > self._now.shown_at_s + 0.08:
                self._began_at_s = at_s
                self._rewind()
        except media.Unreadable as exc:
            raise ParentUnreadable(at="video") from exc
        return self._now.rgb

    def _rewind(self) -> None:
        # Decoded at about the size that it is shown in.
        height_px = max(64, round(self._size.height * self._wide * 1.1))
        self._frames = media.frames(self._parent, height_px=height_px)
        try:
            self._now = next(self._frames)
            self._next = next(self._frames, None)
        except (StopIteration, media.Unreadable) as exc:
            raise ParentUnreadable(at="video") from exc


def _plate(columns: int, rows: int, *, radius: int) -> tuple[Image, Image]:
    """Return a rounded panel's alpha, and the light on its rim."""
    alpha = _rounded(columns, rows, radius, inset=1)
    inner = _rounded(columns, rows, radius, inset=1 + max(2, rows // 220))
    return alpha, cv2.convertScaleAbs(cv2.subtract(alpha, inner), alpha=0.75)


def _rounded(columns: int, rows: int, radius: int, *, inset: int) -> Image:
    plane = np.zeros((rows, columns), np.uint8)
    low, high = inset, (columns - 1 - inset, rows - 1 - inset)
    cv2.rectangle(plane, (low + radius, low), (high[0] - radius, high[1]), 255, -1)
    cv2.rectangle(plane, (low, low + radius), (high[0], high[1] - radius), 255, -1)
    for x in (low + radius, high[0] - radius):
        for y in (low + radius, high[1] - radius):
            cv2.circle(plane, (x, y), radius, 255, -1, cv2.LINE_AA)
    return plane
