"""Fingerprints: equal for a copy, different for another recording."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ledger.cameos import fingerprint


def scene(seed: int) -> list[tuple[float, NDArray[np.uint8]]]:
    """Return 60 smooth pictures that change."""
    source = np.random.default_rng(seed)
    found = []
    for number in range(60):
        noise = source.integers(0, 255, (12, 16)).astype(np.uint8)
        smooth = cv2.resize(noise, (480, 360), interpolation=cv2.INTER_CUBIC)
        found.append((number / 6, np.asarray(smooth, np.uint8)))
    return found


def printed(pictures: list[tuple[float, NDArray[np.uint8]]]) -> bytes:
    return fingerprint.of_frames([(at_s, fingerprint.thumbnail(luma)) for at_s, luma in pictures])


class TestSameness:
    def test_is_one_for_itself(self) -> None:
        mine = printed(scene(1))

        assert len(mine) == fingerprint.SIZE_BYTES
        assert fingerprint.sameness(mine, [mine]).tolist() == [1.0]

    def test_stays_high_for_a_noisy_smaller_copy(self) -> None:
        source = np.random.default_rng(9)
        copy = []
        for at_s, luma in scene(1):
            noisy = np.clip(luma + source.normal(0, 6, luma.shape), 0, 255).astype(np.uint8)
            copy.append((at_s, np.asarray(cv2.resize(noisy, None, fx=0.5, fy=0.5), np.uint8)))

        share = fingerprint.sameness(printed(scene(1)), [printed(copy)])[0]

        assert share >= fingerprint.SAME_SHARE_MIN

    def test_is_low_for_others(self) -> None:
        shares = fingerprint.sameness(printed(scene(1)), [printed(scene(2)), printed(scene(3))])

        assert max(shares) < fingerprint.ALIKE_SHARE_MIN / 2

    def test_refuses_another_length(self) -> None:
        with pytest.raises(ValueError, match="768"):
            fingerprint.sameness(bytes(768), [bytes(767)])


class TestOfFrames:
    def test_refuses_none(self) -> None:
        with pytest.raises(ValueError, match="no frame"):
            fingerprint.of_frames([])
