"""Checks of a recording against its challenge: pure, with a verdict and figures for each.

A check passes, fails, or is unsure; what is unsure goes to a person. The thresholds leave room for
the cascades' misses: a real face that turns is lost in about one frame of four.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ledger.cameos.challenge import Challenge, Pose, Step

SETTLE_S = 0.5  # The head is still turning: not looked at.
VOICE_FRAME_S = 0.030
EARLY_S_MAX, LATE_S_MAX = 0.7, 6.0  # How much shorter or longer than the challenge.

FACE_SURE, FACE_UNSURE = 0.6, 0.25
TURN_SURE, TURN_UNSURE = 0.5, 0.2
VOICE_SURE, VOICE_UNSURE = 0.30, 0.12


class Verdict(StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105  # Not a password.
    UNSURE = "unsure"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One check: its permanent name, its verdict, who made it, and what was measured."""

    name: str
    verdict: Verdict
    by: str = "automatic"
    detail: str = ""
    measured: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "by": self.by,
            "detail": self.detail,
            "measured": self.measured,
        }


@dataclass(frozen=True)
class Sample:
    """What was found in one frame: how sure each detector was, 0 for nothing."""

    at_s: float
    frontal: float
    left: float
    right: float

    @property
    def pose(self) -> Pose | None:
        """Return where the head points, or None where no face was found."""
        best = max(self.frontal, self.left, self.right)
        if best <= 0:
            return None
        if self.frontal == best:
            return Pose.CENTRE
        return Pose.LEFT if self.left == best else Pose.RIGHT


@dataclass(frozen=True)
class Measured:
    """A decoded recording. `voiced` has one character for each 30 ms: `1` voice, `0` none."""

    seconds: float
    width_px: int
    height_px: int
    fps: float
    samples: tuple[Sample, ...]
    voiced: str
    fingerprint: bytes

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measured:
        """Return what the inspecting process answered. Raises `KeyError`, `TypeError`, `ValueError`."""
        return cls(
            seconds=float(data["seconds"]),
            width_px=int(data["width_px"]),
            height_px=int(data["height_px"]),
            fps=float(data["fps"]),
            samples=tuple(Sample(**sample) for sample in data["samples"]),
            voiced=str(data["voiced"]),
            fingerprint=bytes.fromhex(data["fingerprint"]),
        )


def check(challenge: Challenge, measured: Measured) -> tuple[Check, ...]:
    """Return every automatic check of a recording, in a fixed order."""
    return (
        _length(challenge, measured),
        _faces(challenge, measured),
        *(_turn(number, step, measured) for number, step in enumerate(challenge.steps, start=1)),
        _voice(challenge, measured),
    )


def outcome(checks: Iterable[Check]) -> Verdict:
    """Return FAIL if any failed, else UNSURE if any was unsure, else PASS; of none at all, UNSURE."""
    verdicts = {check.verdict for check in checks}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.UNSURE


def voiced_share(step: Step, voiced: str) -> float:
    """Return the share of a step's time, from 0 to 1, in which there was a voice."""
    window = voiced[round(step.starts_s / VOICE_FRAME_S) : round(step.ends_s / VOICE_FRAME_S)]
    return window.count("1") / len(window) if window else 0.0


def _length(challenge: Challenge, measured: Measured) -> Check:
    over_s = measured.seconds - challenge.seconds
    verdict = Verdict.PASS if -EARLY_S_MAX <= over_s <= LATE_S_MAX else Verdict.FAIL
    return Check("length", verdict, measured=round(measured.seconds, 3))


def _faces(challenge: Challenge, measured: Measured) -> Check:
    """The least share, over the steps, of frames with a face."""
    shares = [
        _share(sample.pose is not None for sample in _settled(step, measured))
        for step in challenge.steps
    ]
    least = min(shares)
    return Check("face-in-each-step", _graded(least, FACE_SURE, FACE_UNSURE), measured=least)


def _turn(number: int, step: Step, measured: Measured) -> Check:
    """The share of a step's frames in which the head points where it was asked to."""
    found = _settled(step, measured)
    asked = _share(sample.pose == step.pose for sample in found)
    opposite = {Pose.LEFT: Pose.RIGHT, Pose.RIGHT: Pose.LEFT}.get(step.pose)
    wrong = _share(sample.pose == opposite for sample in found) if opposite else 0.0
    verdict = Verdict.FAIL if wrong > asked else _graded(asked, TURN_SURE, TURN_UNSURE)
    return Check(f"turn-{number}", verdict, detail=step.pose.value, measured=asked)


def _voice(challenge: Challenge, measured: Measured) -> Check:
    share = round(voiced_share(challenge.speaking, measured.voiced), 3)
    return Check("voice-when-asked", _graded(share, VOICE_SURE, VOICE_UNSURE), measured=share)


def _settled(step: Step, measured: Measured) -> Sequence[Sample]:
    return [
        sample
        for sample in measured.samples
        if step.starts_s + SETTLE_S <= sample.at_s < step.ends_s
    ]


def _share(hits: Iterable[bool]) -> float:
    found = list(hits)
    return round(sum(found) / len(found), 3) if found else 0.0


def _graded(share: float, sure: float, unsure: float) -> Verdict:
    if share >= sure:
        return Verdict.PASS
    return Verdict.UNSURE if share >= unsure else Verdict.FAIL
