"""Challenges: drawn well, and kept as they were."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cameos import challenge as challenges
from ledger.cameos.challenge import Pose

seeds = st.integers(0, 2**32)


class TestDraw:
    @given(seeds)
    def test_asks_for_both_sides_and_never_twice_the_same(self, seed: int) -> None:
        drawn = challenges.draw(random.Random(seed))
        poses = [step.pose for step in drawn.steps]

        assert poses[0] == poses[-1] == Pose.CENTRE
        assert {Pose.LEFT, Pose.RIGHT} <= set(poses)
        assert all(one != two for one, two in pairwise(poses))

    @given(seeds)
    def test_leaves_no_gap_and_speaks_at_the_end(self, seed: int) -> None:
        drawn = challenges.draw(random.Random(seed))

        assert drawn.steps[0].starts_s == 0
        assert all(one.ends_s == two.starts_s for one, two in pairwise(drawn.steps))
        assert [bool(step.say) for step in drawn.steps] == [False] * 5 + [True]
        assert len(set(drawn.words)) == challenges.WORDS
        assert 10 <= drawn.seconds <= 13

    def test_draws_many_different_ones(self) -> None:
        source = random.Random(1)

        assert len({challenges.draw(source) for _ in range(200)}) == 200


class TestFromJson:
    @given(seeds)
    def test_gives_back_what_was_kept(self, seed: int) -> None:
        drawn = challenges.draw(random.Random(seed))

        assert challenges.from_json(json.loads(json.dumps(drawn.as_json()))) == drawn

    @pytest.mark.parametrize("broken", [{}, {"steps": [{"pose": "up"}]}])
    def test_refuses_anything_else(self, broken: dict[str, object]) -> None:
        with pytest.raises((KeyError, ValueError)):
            challenges.from_json(broken)
