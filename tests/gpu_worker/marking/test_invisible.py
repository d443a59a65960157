"""The embedder: what it costs the picture, and what it refuses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_worker.marking.invisible import InvisibleMark
from tests.factories import marks, media


def embedder(width_px: int, height_px: int) -> InvisibleMark:
    return InvisibleMark(
        key=marks.KEY.pattern_key,
        payload=marks.PAYLOAD,
        width_px=width_px,
        height_px=height_px,
    )


def luma(width_px: int = 1280, height_px: int = 720) -> NDArray[np.uint8]:
    picture = media.frame(3, width_px=width_px, height_px=height_px)
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


class TestEmbed:
    @pytest.mark.parametrize(("width_px", "height_px"), [(1280, 720), (1080, 1920), (320, 180)])
    def test_leaves_at_least_40_db_of_the_picture(self, width_px: int, height_px: int) -> None:
        before = luma(width_px, height_px)

        after = embedder(width_px, height_px).embed(before.copy(), 0)

        assert 40.0 <= psnr(before, after) < 60.0

    def test_leaves_flat_ground_quiet(self) -> None:
        before = np.full((720, 1280), 128, np.uint8)

        after = embedder(1280, 720).embed(before.copy(), 0)

        assert 0 < np.abs(after.astype(int) - before).max() <= 3
        assert psnr(before, after) >= 45.0

    def test_works_in_place(self) -> None:
        plane = luma()
        before = plane.copy()

        answer = embedder(1280, 720).embed(plane, 0)

        assert answer is plane
        assert (plane != before).any()

    def test_stays_within_a_byte_at_black_and_white(self) -> None:
        plane = np.zeros((360, 640), np.uint8)
        plane[:, 320:] = 255

        after = embedder(640, 360).embed(plane.copy(), 0)

        assert np.abs(after.astype(int) - plane).max() <= 14

    def test_marks_a_view_of_a_larger_buffer(self) -> None:
        buffer = np.full((360, 704), 90, np.uint8)

        embedder(640, 360).embed(buffer[:, :640], 0)

        assert (buffer[:, :640] != 90).any()
        assert (buffer[:, 640:] == 90).all()

    def test_refuses_a_plane_of_another_size(self) -> None:
        with pytest.raises(ValueError, match="size announced"):
            embedder(1280, 720).embed(luma(640, 360), 0)


class TestInvisibleMark:
    def test_refuses_a_short_key(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            InvisibleMark(key=b"short", payload=1, width_px=640, height_px=360)

    def test_refuses_a_payload_of_more_than_64_bits(self) -> None:
        with pytest.raises(ValueError, match="64 bits"):
            InvisibleMark(key=bytes(32), payload=1 << 64, width_px=640, height_px=360)
