"""Fingerprints: near for copies, far for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provenance.marks import fingerprints, reading
from provenance.marks.queries import DISTANCE_MAX
from tests.factories import marks


class TestFingerprintOf:
    def test_is_an_iscc_video_code_of_256_bits(self, marked_reading: reading.Reading) -> None:
        fingerprint = fingerprints.fingerprint_of(marked_reading)

        assert fingerprint.code.startswith("ISCC:EMD")  # Content, video, version 0, 256 bits.
        assert len(fingerprint.bit_string) == 256
        assert int(fingerprint.bit_string, 2) == fingerprint.bits

    def test_is_zero_for_a_video_without_contrast(self, marked_reading: reading.Reading) -> None:
        rows = np.array([[value] * 380 for value in (0, 1, 2)], np.uint8)

        fingerprint = fingerprints.fingerprint_of(replace(marked_reading, signatures=rows))

        assert fingerprint.bits == 0
        assert fingerprint.code == ("ISCC:EMDQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")


class TestFingerprint:
    @pytest.mark.parametrize("change", [{"crf": 35}, {"crf": 28, "scale": 0.5}])
    def test_stays_near_after(
        self, marked: Path, marked_reading: reading.Reading, tmp_path: Path, change: dict
    ) -> None:
        copy = marks.changed(marked, tmp_path / "copy.mp4", **change)

        far = fingerprints.distance(
            fingerprints.fingerprint(copy).bits,
            fingerprints.fingerprint_of(marked_reading).bits,
        )

        assert far <= DISTANCE_MAX // 2

    def test_is_far_from_another_video_s(
        self, marked_reading: reading.Reading, tmp_path: Path
    ) -> None:
        noise = np.random.default_rng(8)
        pictures = noise.integers(0, 256, (3, 9, 16), np.uint8)
        planes = [
            np.vstack(
                [
                    np.kron(picture, np.ones((20, 20), np.uint8)),
                    np.full((90, 320), 128, np.uint8),
                ]
            )
            for picture in pictures
        ]
        other = marks.write(tmp_path / "other.mp4", iter(planes * 8), fps=12, crf=23)

        far = fingerprints.distance(
            fingerprints.fingerprint(other).bits,
            fingerprints.fingerprint_of(marked_reading).bits,
        )

        assert far > DISTANCE_MAX
