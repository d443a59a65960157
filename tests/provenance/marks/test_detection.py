"""Round trips of the invisible mark: what it survives, and that nothing else is ever found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.contract import mark
from provenance.marks import detection, reading
from tests.factories import marks

OTHER = detection.MarkKey(version=2, pattern_key=bytes(32), mac_key=bytes(range(64, 96)))


class TestDetectIn:
    def test_finds_the_mark(self, marked_reading: reading.Reading) -> None:
        found = detection.detect_in(marked_reading, keys=[marks.KEY])

        assert found is not None
        assert (found.payload, found.mark_id) == (marks.PAYLOAD, marks.MARK_ID)
        assert found.key_version == 1
        assert found.scale == pytest.approx(1.0, abs=0.005)
        assert found.shift == pytest.approx((0, 0), abs=0.5)
        assert found.confidence > 0.9

    def test_finds_nothing_in_an_unmarked_video(self, unmarked_reading: reading.Reading) -> None:
        assert detection.detect_in(unmarked_reading, keys=[marks.KEY, OTHER]) is None

    def test_finds_nothing_with_another_key(self, marked_reading: reading.Reading) -> None:
        assert detection.detect_in(marked_reading, keys=[OTHER]) is None

    def test_finds_nothing_that_another_mac_key_signed(
        self, marked_reading: reading.Reading
    ) -> None:
        forger = replace(marks.KEY, mac_key=OTHER.mac_key)

        assert detection.detect_in(marked_reading, keys=[forger]) is None

    def test_finds_nothing_without_keys(self, marked_reading: reading.Reading) -> None:
        assert detection.detect_in(marked_reading, keys=[]) is None

    def test_tries_each_key(self, marked_reading: reading.Reading) -> None:
        found = detection.detect_in(marked_reading, keys=[OTHER, marks.KEY])

        assert found is not None
        assert found.key_version == 1

    def test_finds_nothing_in_noise(self, marked_reading: reading.Reading) -> None:
        noise = np.random.default_rng(3)
        readings = (
            replace(
                marked_reading,
                residuals=(noise.normal(0, 1, (360, 640)).astype(np.float32),),
            )
            for _ in range(8)
        )

        assert not any(detection.detect_in(one, keys=[marks.KEY]) for one in readings)

    def test_finds_nothing_in_an_empty_residual(self, marked_reading: reading.Reading) -> None:
        empty = replace(marked_reading, residuals=(np.zeros((360, 640), np.float32),))

        assert detection.detect_in(empty, keys=[marks.KEY]) is None


class TestDetect:
    @pytest.mark.parametrize(
        "change",
        [
            {"crf": 28},
            {"crf": 35},
            {"crf": 23, "scale": 0.75},
            {"crf": 28, "crop": 0.1},
            {"crf": 23, "scale": 1.5},
        ],
        ids=lambda change: " ".join(f"{name}={value}" for name, value in change.items()),
    )
    def test_finds_the_mark_after(
        self, marked: Path, tmp_path: Path, change: dict[str, Any]
    ) -> None:
        copy = marks.changed(marked, tmp_path / "copy.mp4", **change)

        found = detection.detect(copy, keys=[marks.KEY])

        assert found is not None
        assert found.mark_id == marks.MARK_ID

    @pytest.mark.parametrize("change", [{"crf": 35}, {"crf": 23, "scale": 0.5}, {"crop": 0.1}])
    def test_finds_the_mark_of_720_lines_after(
        self, marked_at_720_lines: Path, tmp_path: Path, change: dict[str, Any]
    ) -> None:
        copy = marks.changed(marked_at_720_lines, tmp_path / "copy.mp4", **change)

        found = detection.detect(copy, keys=[marks.KEY])

        assert found is not None
        assert found.mark_id == marks.MARK_ID

    def test_finds_the_mark_of_the_smallest_videos(self, tmp_path: Path) -> None:
        small = marks.video(tmp_path / "small.mp4", width_px=320, height_px=180)

        found = detection.detect(small, keys=[marks.KEY])

        assert found is not None
        assert found.mark_id == marks.MARK_ID

    def test_finds_another_payload_as_itself(self, tmp_path: Path) -> None:
        payload = mark.sign((1 << 40) - 1, marks.KEY.mac_key)
        video = marks.video(tmp_path / "video.mp4", payload=payload, seconds=2, seed=4)

        found = detection.detect(video, keys=[marks.KEY])

        assert found is not None
        assert found.mark_id == (1 << 40) - 1

    def test_refuses_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            detection.detect(tmp_path / "nothing.mp4", keys=[marks.KEY])
