"""The visible mark: where it stands, and that it is drawn there."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_worker.contract import badge
from gpu_worker.marking.visible import VisibleMark

SIZES = [(1280, 720), (320, 180), (720, 1280), (1080, 1080)]
TEXT = badge.text_of("Countersign", "3f9a 21c7")


class TestPlacements:
    @pytest.mark.parametrize(("width_px", "height_px"), SIZES)
    def test_leave_no_quarter_unmarked_for_two_seconds(self, width_px: int, height_px: int) -> None:
        picture = badge.picture(TEXT, width_px, height_px)
        size = (picture.shape[1], picture.shape[0])
        last_seen = dict.fromkeys([(0, 0), (0, 1), (1, 0), (1, 1)], 0.0)
        longest_s = 0.0

        for step in range(300):
            at_s = step / 10
            for place in badge.placements(at_s=at_s, frame_px=(width_px, height_px), badge_px=size):
                column, row = place.left_px >= width_px / 2, place.top_px >= height_px / 2
                if place.opacity == 1.0:
                    longest_s = max(longest_s, at_s - last_seen[int(column), int(row)])
                    last_seen[int(column), int(row)] = at_s

        assert longest_s < 2.15  # Two seconds, a fifth of which the badge fades.
        assert all(30 - at_s < 2.15 for at_s in last_seen.values())

    @pytest.mark.parametrize(("width_px", "height_px"), SIZES)
    def test_keep_each_badge_whole_within_one_quarter(self, width_px: int, height_px: int) -> None:
        picture = badge.picture(TEXT, width_px, height_px)
        rows, columns = picture.shape[:2]

        for step in range(400):
            for place in badge.placements(
                at_s=step / 20, frame_px=(width_px, height_px), badge_px=(columns, rows)
            ):
                for low, length, side in (
                    (place.left_px, columns, width_px),
                    (place.top_px, rows, height_px),
                ):
                    assert low >= 0
                    assert low + length <= side / 2 or low >= side / 2
                    assert low + length <= side

    def test_move(self) -> None:
        seen = {
            badge.placements(at_s=step / 10, frame_px=(1280, 720), badge_px=(320, 100))[0]
            for step in range(40)
        }

        assert len(seen) == 40


class TestPicture:
    def test_is_legible_at_320_pixels(self) -> None:
        rows, columns = badge.picture(TEXT, 320, 180).shape[:2]

        assert columns >= 70
        assert rows >= 18

    @pytest.mark.parametrize("text", ["", "a\nb\nc", "x" * 41])
    def test_refuses_a_text_that_does_not_fit(self, text: str) -> None:
        with pytest.raises(ValueError, match="lines"):
            badge.picture(text, 1280, 720)

    def test_shrinks_a_long_line_to_its_quarter(self) -> None:
        columns = badge.picture("W" * 40, 320, 180).shape[1]

        assert columns <= 160


class TestDraw:
    @pytest.mark.parametrize(("width_px", "height_px"), SIZES)
    def test_changes_the_frame_at_its_places_and_nowhere_else(
        self, width_px: int, height_px: int
    ) -> None:
        frame = np.full((height_px, width_px, 3), 128, np.uint8)
        visible = VisibleMark(text=TEXT, width_px=width_px, height_px=height_px, fps=30)

        visible.draw(frame, 20)

        changed = (frame != 128).any(axis=2)
        assert 0.01 < changed.mean() < 0.12
        halves = (
            changed[: height_px // 2, : width_px // 2],
            changed[height_px // 2 :, width_px // 2 :],
        )
        assert all(half.any() for half in halves)
        assert not changed[height_px // 2 :, : width_px // 2].any()

    def test_writes_white_strokes(self) -> None:
        frame = np.zeros((720, 1280, 3), np.uint8)

        VisibleMark(text=TEXT, width_px=1280, height_px=720, fps=30).draw(frame, 20)

        assert frame.max() > 215

    def test_refuses_a_frame_of_another_size(self) -> None:
        visible = VisibleMark(text=TEXT, width_px=640, height_px=360, fps=30)

        with pytest.raises(ValueError, match="size announced"):
            visible.draw(np.zeros((720, 1280, 3), np.uint8), 0)

    def test_needs_a_positive_rate(self) -> None:
        with pytest.raises(ValueError, match="positive"):
            VisibleMark(text=TEXT, width_px=640, height_px=360, fps=0)
