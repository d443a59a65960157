"""MPEG-7 frame signatures, against those of FFmpeg's own filter."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from provenance.marks import signatures


def pattern(width_px: int, height_px: int) -> NDArray[np.uint8]:
    ys, xs = np.mgrid[:height_px, :width_px]
    return ((xs * 7 + ys * 13 + xs * ys // 5) % 251).astype(np.uint8)


class TestFrameSignature:
    @pytest.mark.parametrize(
        ("width_px", "height_px", "beginning", "sha256"),
        [  # FFmpeg 5.1.9: -f rawvideo -pix_fmt gray … -vf signature=format=xml
            (
                96, 80, "1000100001110011000001001001010002022002",
                "1416c742d6baaab1a73d2e2095fc4c9b9b977f1dc6aca444de3705152aafcb09",
            ),
            (
                50, 33, "0220022002200111111120202122011110111010",
                "40a819e2d7362f67497243039ef070470cab532972f0c0bef42f41ef9eecf508",
            ),
            (
                640, 360, "0101001111000000001000011010010001202110",
                "6d29bec3f066cee33b23728836986fd01612bb691935cf26c831fee1333c1c46",
            ),
        ],
    )  # fmt: skip
    def test_equals_ffmpeg_s(
        self, width_px: int, height_px: int, beginning: str, sha256: str
    ) -> None:
        answer = signatures.frame_signature(pattern(width_px, height_px))

        assert "".join(map(str, answer[:40])) == beginning
        assert hashlib.sha256(answer.tobytes()).hexdigest() == sha256

    def test_says_nothing_of_a_flat_frame_but_its_level(self) -> None:
        answer = signatures.frame_signature(np.full((64, 64), 77, np.uint8))

        assert set(answer[32:]) == {1}

    def test_stays_when_all_grows_lighter(self) -> None:
        frame = pattern(96, 80) // 2

        lighter = signatures.frame_signature(frame + 40)

        assert (lighter[32:] == signatures.frame_signature(frame)[32:]).all()

    @pytest.mark.parametrize("shape", [(31, 64), (64, 31)])
    def test_refuses_a_frame_smaller_than_its_grid(self, shape: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="shorter"):
            signatures.frame_signature(np.zeros(shape, np.uint8))
