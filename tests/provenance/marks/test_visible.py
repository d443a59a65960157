"""Is the badge really there?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provenance.marks import reading, visible
from tests.factories import marks


class TestPresenceIn:
    def test_sees_the_badge(self, marked_reading: reading.Reading) -> None:
        presence = visible.presence_in(marked_reading, text=marks.TEXT)

        assert presence.is_present
        assert presence.seen == presence.expected >= 15

    def test_does_not_see_it_where_it_is_not(self, unmarked_reading: reading.Reading) -> None:
        presence = visible.presence_in(unmarked_reading, text=marks.TEXT)

        assert not presence.is_present
        assert presence.score < 0.3

    def test_does_not_see_it_when_half_of_its_places_are_empty(
        self, marked_reading: reading.Reading
    ) -> None:
        samples = marked_reading.samples.copy()
        samples[len(samples) // 2 :] = 128

        presence = visible.presence_in(replace(marked_reading, samples=samples), text=marks.TEXT)

        assert not presence.is_present

    def test_does_not_see_it_in_a_black_video(self, marked_reading: reading.Reading) -> None:
        black = replace(marked_reading, samples=np.zeros_like(marked_reading.samples))

        assert visible.presence_in(black, text=marks.TEXT).score == 0.0


class TestIsPresent:
    @pytest.mark.parametrize("crf", [28, 35])
    def test_holds_after_another_encode(self, marked: Path, tmp_path: Path, crf: int) -> None:
        copy = marks.changed(marked, tmp_path / "copy.mp4", crf=crf)

        assert visible.is_present(copy, marks.TEXT)

    def test_holds_for_a_small_tall_video(self, tmp_path: Path) -> None:
        tall = marks.video(tmp_path / "tall.mp4", seconds=2, width_px=180, height_px=320)

        assert visible.is_present(tall, marks.TEXT)

    def test_does_not_hold_for_an_unmarked_one(self, unmarked: Path) -> None:
        assert not visible.is_present(unmarked, marks.TEXT)
