"""Acting: what a person does at each frame, given a challenge."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from script.story.people.voice import HOP, RATE_HZ, Samples

FPS = 25
TURN_RADIANS = 0.90
YAW_STEPS = 5  # Between facing the camera and fully turned.
TURN_FRAMES = 8
MOUTH_STEPS = 5
BLINK = (0.5, 1.0, 1.0, 0.5)
AFTER_S = 0.4  # The recording goes on for a moment after the challenge.


@dataclass(frozen=True)
class Moment:
    """One frame: which drawing, and how it sways."""

    yaw_step: int
    mouth_step: int
    blink: float
    shift_x_px: float
    shift_y_px: float
    roll_degrees: float


def seconds(challenge: Mapping[str, Any]) -> float:
    """Return how long the recording of a challenge is."""
    return float(challenge["steps"][-1]["ends_s"]) + AFTER_S


def speaking(challenge: Mapping[str, Any]) -> tuple[list[str], float, float]:
    """Return the words, and from when to when they are spoken."""
    step = next((step for step in challenge["steps"] if step["say"]), challenge["steps"][-1])
    return list(step["say"]), float(step["starts_s"]) + 0.45, float(step["ends_s"]) - 0.15


def moments(challenge: Mapping[str, Any], jaw: Samples, *, seed: int) -> list[Moment]:
    """Return each frame of the recording, at `FPS`."""
    source = random.Random(seed)  # Blinking is no secret.
    count = round(seconds(challenge) * FPS)
    yaws, blinks = _yaws(challenge, count), _blinks(count, source)
    phase, slow, wide = source.random() * 6, source.uniform(0.6, 1.1), source.uniform(3, 9)
    place = source.uniform(-14, 14)
    found = []
    for frame in range(count):
        at = frame / FPS
        hop = min(round(at * RATE_HZ / HOP), len(jaw) - 1)
        found.append(
            Moment(
                yaw_step=yaws[frame],
                mouth_step=round(float(jaw[hop]) * MOUTH_STEPS),
                blink=blinks[frame],
                shift_x_px=place + wide * math.sin(slow * at + phase),
                shift_y_px=2.0 * math.sin(1.9 * at + 2 * phase) - 3.0 * float(jaw[hop]) ** 2,
                roll_degrees=1.2 * math.sin(0.8 * slow * at + 3 * phase),
            )
        )
    return found


def _yaws(challenge: Mapping[str, Any], count: int) -> list[int]:
    side = {"centre": 0, "left": YAW_STEPS, "right": -YAW_STEPS}
    yaws, now, since, start = [], 0.0, 0, 0.0
    for frame in range(count):
        at = frame / FPS
        step = next(
            (step for step in challenge["steps"] if step["starts_s"] <= at < step["ends_s"]),
            challenge["steps"][-1],
        )
        target = float(side[step["pose"]])
        if step["starts_s"] <= at < step["starts_s"] + 1 / FPS:
            since, start = frame, now
        share = min((frame - since + 1) / TURN_FRAMES, 1.0)
        now = start + (target - start) * share * share * (3 - 2 * share)
        yaws.append(round(now))
    return yaws


def _blinks(count: int, source: random.Random) -> list[float]:
    closed = [0.0] * count
    frame = source.randint(15, 45)
    while frame + len(BLINK) < count:
        closed[frame : frame + len(BLINK)] = BLINK
        frame += source.randint(50, 100)
    return closed
