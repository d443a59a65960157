"""A perceptual fingerprint of a recording, to see that it was used before. Pure.

24 moments at even shares of the length, each a 64-bit DCT hash of the frame's luma: 192 bytes. A
re-encoded, scaled or slightly trimmed copy differs by a few bits in most moments; a new recording of
the same person turns at other times and differs by many in most.

Source of the hash: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

MOMENTS = 24
SIDE_PX = 32
HASH_BYTES = 8
SIZE_BYTES = MOMENTS * HASH_BYTES
NEAR_BITS_MAX = 8  # Of 64: the same picture, encoded again.
SAME_SHARE_MIN = 0.8  # Of the moments.


def thumbnail(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 32 by 32 picture that is hashed."""
    return np.asarray(cv2.resize(luma, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def frame_hash(picture: NDArray[np.uint8]) -> bytes:
    """Return 8 bytes: bit k is set where low-frequency coefficient k exceeds their median."""
    spectrum = cv2.dct(picture.astype(np.float32))[1:9, 1:9].ravel()
    return np.packbits(spectrum > np.median(spectrum)).tobytes()


def of_frames(thumbnails: Sequence[tuple[float, NDArray[np.uint8]]]) -> bytes:
    """Return the fingerprint, 192 bytes, of at least one timed thumbnail in order of time.

    Raises:
        ValueError: there is none.
    """
    if not thumbnails:
        raise ValueError("no frame")
    times = np.array([at_s for at_s, _ in thumbnails])
    wanted = times[0] + (times[-1] - times[0]) * (np.arange(MOMENTS) + 0.5) / MOMENTS
    nearest = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
    return b"".join(frame_hash(thumbnails[index][1]) for index in nearest)


def is_same(first: bytes, second: bytes) -> bool:
    """Return whether two fingerprints are of one recording, however it was encoded.

    Raises:
        ValueError: either has another length than 192 bytes.
    """
    return sameness(first, [second])[0] >= SAME_SHARE_MIN


def sameness(one: bytes, others: Sequence[bytes]) -> NDArray[np.float64]:
    """Return for each of `others` the share of moments in which it shows what `one` shows.

    Raises:
        ValueError: one of them has another length than 192 bytes.
    """
    if any(len(each) != SIZE_BYTES for each in (one, *others)):
        raise ValueError("a fingerprint has 192 bytes")
    mine = np.frombuffer(one, np.uint8).reshape(1, MOMENTS, HASH_BYTES)
    theirs = np.frombuffer(b"".join(others), np.uint8).reshape(-1, MOMENTS, HASH_BYTES)
    differing = np.bitwise_count(mine ^ theirs).sum(axis=2)
    return np.asarray((differing <= NEAR_BITS_MAX).mean(axis=1), np.float64)
