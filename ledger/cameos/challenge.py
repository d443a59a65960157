"""The challenge of an enrolment: head turns and spoken words, in an order and timing nobody knew.

It shows that the recording was made for this enrolment. It is no proof of identity, and no defence
against a good forgery: those are the verifiers' business (`verifiers.py`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

VALID_FOR_S = 300
TURNS = 4
WORDS = 4
OPENING_TENTHS = (14, 18)
TURN_TENTHS = (13, 17)
SPEAKING_TENTHS = (36, 42)

VOCABULARY = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "river", "window", "lemon", "garden", "winter", "silver", "morning", "paper",
)  # fmt: skip


class Pose(StrEnum):
    """Where the head points, as the person feels it; a recording is not mirrored."""

    CENTRE = "centre"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Step:
    """Hold one pose from `starts_s` (included) to `ends_s` (excluded), saying the words if any."""

    pose: Pose
    starts_s: float
    ends_s: float
    say: tuple[str, ...] = ()


@dataclass(frozen=True)
class Challenge:
    """Steps without gaps from 0 on; the last one faces the camera and speaks."""

    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        return self.steps[-1].ends_s

    @property
    def speaking(self) -> Step:
        return self.steps[-1]

    @property
    def words(self) -> tuple[str, ...]:
        return self.speaking.say

    def as_json(self) -> dict[str, Any]:
        """Return the challenge as the API shows it and the row keeps it."""
        return {
            "steps": [
                {
                    "pose": step.pose.value,
                    "starts_s": step.starts_s,
                    "ends_s": step.ends_s,
                    "say": list(step.say),
                }
                for step in self.steps
            ],
            "words": list(self.words),
            "seconds": self.seconds,
        }


def from_json(data: Mapping[str, Any]) -> Challenge:
    """Return the challenge that `as_json` wrote. Raises `KeyError` or `ValueError` otherwise."""
    return Challenge(
        tuple(
            Step(
                Pose(step["pose"]), float(step["starts_s"]), float(step["ends_s"]),
                tuple(step["say"]),
            )
            for step in data["steps"]
        )
    )  # fmt: skip


def draw(source: random.Random) -> Challenge:
    """Draw a challenge of 10 to 13 seconds. Give `random.SystemRandom()` outside of tests.

    It opens at the centre, then turns `TURNS` times with no pose held twice running and both sides
    asked for, and ends at the centre speaking `WORDS` different words.
    """
    poses = [Pose.CENTRE, *_turns(source), Pose.CENTRE]
    lengths = [source.randint(*OPENING_TENTHS)]
    lengths += [source.randint(*TURN_TENTHS) for _ in range(TURNS)]
    lengths += [source.randint(*SPEAKING_TENTHS)]
    words = tuple(source.sample(VOCABULARY, WORDS))
    steps, start = [], 0
    for number, (pose, length) in enumerate(zip(poses, lengths, strict=True)):
        say = words if number == TURNS + 1 else ()
        steps.append(Step(pose, start / 10, (start + length) / 10, say))
        start += length
    return Challenge(tuple(steps))


def _turns(source: random.Random) -> tuple[Pose, ...]:
    return source.choice(_SEQUENCES)


def _sequences() -> tuple[tuple[Pose, ...], ...]:
    found: list[tuple[Pose, ...]] = [(Pose.CENTRE,)]
    for _ in range(TURNS):
        found = [(*head, pose) for head in found for pose in Pose if pose != head[-1]]
    return tuple(
        sequence[1:]
        for sequence in found
        if sequence[-1] != Pose.CENTRE and {Pose.LEFT, Pose.RIGHT} <= set(sequence)
    )


_SEQUENCES = _sequences()
