"""Checks of a recording: each passes, is unsure, and fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.cameos import checks
from ledger.cameos.challenge import Challenge, Pose, Step
from ledger.cameos.checks import Check, Measured, Sample, Verdict

CHALLENGE = Challenge(
    (
        Step(Pose.CENTRE, 0.0, 2.0),
        Step(Pose.LEFT, 2.0, 4.0),
        Step(Pose.RIGHT, 4.0, 6.0),
        Step(Pose.CENTRE, 6.0, 10.0, ("one", "two")),
    )
)
SHOWN = {Pose.CENTRE: (5.0, 1.0, 1.0), Pose.LEFT: (0, 2.0, 0), Pose.RIGHT: (0, 0, 2.0)}


def asked_at(at_s: float) -> Pose:
    """Return the pose that is asked for at a time."""
    return next(step.pose for step in CHALLENGE.steps if step.starts_s <= at_s < step.ends_s)


def measured(pose_at: Callable[[float], Pose | None] = asked_at, **fields: object) -> Measured:
    """Return a recording that shows `pose_at`, and speaks when asked, unless told."""
    samples = []
    for number in range(60):
        at_s = number / 6
        pose = pose_at(at_s)
        samples.append(Sample(at_s, *(SHOWN[pose] if pose else (0, 0, 0))))
    voiced = "0" * 200 + "1" * 133
    whole = Measured(10.2, 960, 720, 25.0, tuple(samples), voiced, bytes(768))
    return replace(whole, **fields)  # type: ignore[arg-type]  # By name.


def verdict(name: str, of: Measured) -> Verdict:
    """Return one check's verdict."""
    return next(check.verdict for check in checks.check(CHALLENGE, of) if check.name == name)


class TestCheck:
    def test_passes_what_does_as_asked(self) -> None:
        found = checks.check(CHALLENGE, measured())

        assert {check.verdict for check in found} == {Verdict.PASS}
        assert [check.name for check in found] == [
            "length", "face-in-each-step", "turn-1", "turn-2", "turn-3", "turn-4",
            "voice-when-asked",
        ]  # fmt: skip

    @pytest.mark.parametrize("seconds", [9.2, 16.1])
    def test_fails_a_wrong_length(self, seconds: float) -> None:
        assert verdict("length", measured(seconds=seconds)) == Verdict.FAIL

    @pytest.mark.parametrize("seconds", [9.4, 15.9])
    def test_passes_a_length_that_is_near(self, seconds: float) -> None:
        assert verdict("length", measured(seconds=seconds)) == Verdict.PASS

    def test_fails_turns_to_the_other_side(self) -> None:
        mirror = {Pose.LEFT: Pose.RIGHT, Pose.RIGHT: Pose.LEFT, Pose.CENTRE: Pose.CENTRE}
        mirrored = measured(lambda at_s: mirror[asked_at(at_s)])

        assert verdict("turn-2", mirrored) == verdict("turn-3", mirrored) == Verdict.FAIL
        assert verdict("turn-1", mirrored) == Verdict.PASS

    def test_fails_a_head_that_never_turns(self) -> None:
        still = measured(lambda at_s: Pose.CENTRE)

        assert verdict("face-in-each-step", still) == Verdict.PASS
        assert verdict("turn-2", still) == Verdict.FAIL

    def test_fails_a_face_that_leaves(self) -> None:
        gone = measured(lambda at_s: None if 4 <= at_s < 6 else asked_at(at_s))

        assert verdict("face-in-each-step", gone) == Verdict.FAIL

    def test_is_unsure_of_a_turn_seen_now_and_then(self) -> None:
        seldom = measured(lambda at_s: asked_at(at_s) if round(at_s * 6) % 3 == 0 else None)

        assert verdict("turn-2", seldom) == Verdict.UNSURE
        assert verdict("face-in-each-step", seldom) == Verdict.UNSURE

    @pytest.mark.parametrize(
        ("voiced", "expected"),
        [
            ("0" * 333, Verdict.FAIL),
            ("", Verdict.FAIL),
            ("1" * 200 + "0" * 133, Verdict.FAIL),
            ("0" * 200 + "10000" * 26, Verdict.UNSURE),
            ("0" * 200 + "110" * 44, Verdict.PASS),
        ],
    )
    def test_wants_a_voice_in_the_asked_window(self, voiced: str, expected: Verdict) -> None:
        assert verdict("voice-when-asked", measured(voiced=voiced)) == expected


class TestOutcome:
    @pytest.mark.parametrize(
        ("verdicts", "expected"),
        [
            ([], Verdict.UNSURE),
            ([Verdict.PASS, Verdict.PASS], Verdict.PASS),
            ([Verdict.PASS, Verdict.UNSURE], Verdict.UNSURE),
            ([Verdict.UNSURE, Verdict.FAIL, Verdict.PASS], Verdict.FAIL),
        ],
    )
    def test_is_the_worst(self, verdicts: list[Verdict], expected: Verdict) -> None:
        assert checks.outcome(Check("any", verdict) for verdict in verdicts) == expected


class TestPose:
    def test_is_none_without_a_face(self) -> None:
        assert Sample(0, 0, 0, 0).pose is None

    def test_is_what_was_found_most_surely(self) -> None:
        assert Sample(0, 1.0, 3.0, 0).pose == Pose.LEFT
        assert Sample(0, 1.0, 0.5, 3.0).pose == Pose.RIGHT
        assert Sample(0, 3.0, 3.0, 0).pose == Pose.CENTRE


class TestFromJson:
    @pytest.mark.parametrize("broken", [{}, {"seconds": "x"}, {"seconds": 1, "samples": [{}]}])
    def test_refuses_what_the_inspection_never_says(self, broken: dict[str, object]) -> None:
        with pytest.raises((KeyError, TypeError, ValueError)):
            Measured.from_json(broken)
