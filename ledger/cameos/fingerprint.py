"""A perceptual fingerprint of a recording, to see that it was used before. Pure.

24 moments at even shares of the length, each a 256-bit DCT hash of the frame's luma: 768 bytes. A
re-encoded or scaled copy differs by few bits in most moments; a new recording of the same person in
the same place, who sits and turns a little differently, differs by many in most.

Source of the hash: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

MOMENTS = 24
SIDE_PX = 64
COEFFICIENTS = 16
HASH_BYTES = COEFFICIENTS**2 // 8
SIZE_BYTES = MOMENTS * HASH_BYTES
NEAR_BITS_MAX = 28  # Of 256: the same picture, encoded again.
SAME_SHARE_MIN = 0.8  # Of the moments.
ALIKE_SHARE_MIN = 0.6  # From here on a person looks.


def thumbnail(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 64 by 64 picture that is hashed."""
    return np.asarray(cv2.resize(luma, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def frame_hash(picture: NDArray[np.uint8]) -> bytes:
    """Return 32 bytes: bit k is set where low-frequency coefficient k exceeds their median."""
    spectrum = cv2.dct(picture.astype(np.float32))[
        1 : COEFFICIENTS + 1, 1 : COEFFICIENTS + 1
    ].ravel()
    return np.packbits(spectrum > np.median(spectrum)).tobytes()


def of_frames(thumbnails: Sequence[tuple[float, NDArray[np.uint8]]]) -> bytes:
    """Return the fingerprint, 768 bytes, of at least one timed thumbnail in order of time.

    Raises:
        ValueError: there is none.
    """
    if not thumbnails:
        raise ValueError("no frame")
    times = np.array([at_s for at_s, _ in thumbnails])
    wanted = times[0] + (times[-1] - times[0]) * (np.arange(MOMENTS) + 0.5) / MOMENTS
    nearest = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
    return b"".join(frame_hash(thumbnails[index][1]) for index in nearest)


def sameness(one: bytes, others: Sequence[bytes]) -> NDArray[np.float64]:
    """Return for each of `others` the share of moments in which it shows what `one` shows.

    Raises:
        ValueError: one of them has another length than 768 bytes.
    """
    if any(len(each) != SIZE_BYTES for each in (one, *others)):
        raise ValueError("a fingerprint has 768 bytes")
    mine = np.frombuffer(one, np.uint8).reshape(1, MOMENTS, HASH_BYTES)
    theirs = np.frombuffer(b"".join(others), np.uint8).reshape(-1, MOMENTS, HASH_BYTES)
    differing = np.bitwise_count(mine ^ theirs).sum(axis=2)
    return np.asarray((differing <= NEAR_BITS_MAX).mean(axis=1), np.float64)
