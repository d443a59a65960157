"""Staging: how a clip is cut into shots, where people stand in each, and how the camera moves.

Pure: everything follows from the number of people, the length and the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gpu_worker.backends.studio.layers import View

SHOT_SECONDS = 4.6  # About; a cut also hides that a short capture begins again.
SHOT_SECONDS_MIN = 2.2


@dataclass(frozen=True)
class Mark:
    """Where one person stands: the middle of their box, in fractions of the width, how high they reach,
    in fractions of the height, and how far away they are."""

    x: float
    tall: float
    depth: float


@dataclass(frozen=True)
class Shot:
    """One stretch without a cut, from one view to another."""

    starts_at_s: float
    ends_at_s: float
    begin: View
    end: View

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.ends_at_s - self.starts_at_s

    def view(self, at_s: float) -> View:
        """Return where the camera is: it starts and stops softly."""
        share = (at_s - self.starts_at_s) / max(self.seconds, 1e-6)
        eased = share * share * (3 - 2 * share) * 0.5 + share * 0.5
        first, last = self.begin, self.end
        return View(
            first.zoom + (last.zoom - first.zoom) * eased,
            first.right + (last.right - first.right) * eased,
            first.down + (last.down - first.down) * eased,
        )


def marks(count: int, *, seed: int, aspect: float, beside_screen: bool = False) -> tuple[Mark, ...]:
    """Return where so many people stand, in the order of the cast. The farther ones come smaller."""
    rng = np.random.default_rng([seed, 1])
    if count == 0:
        return ()
    if beside_screen:
        places = np.linspace(0.79, 0.55, count) if count > 1 else np.array([0.8])
        return tuple(
            Mark(float(x), max(0.4, 0.68 - 0.05 * number), 1.0 + 0.08 * number)
            for number, x in enumerate(places)
        )
    if count == 1:
        offset = 0.0 if aspect < 1 else float(rng.choice([-0.1, 0.0, 0.1]))
        return (Mark(0.5 + offset, 0.8, 1.0),)
    if count == 2:
        front = int(rng.integers(2))
        return tuple(
            Mark(
                0.28 + 0.44 * place,
                0.76 if place == front else 0.72,
                1.0 if place == front else 1.08,
            )
            for place in range(2)
        )
    spread = np.linspace(0.13, 0.87, count) if count > 3 else np.array([0.2, 0.5, 0.8])
    tall = 0.7 if count == 3 else max(0.42, 0.8 - 0.06 * count)
    return tuple(
        Mark(float(x), tall * (1.0 if number % 2 == 0 else 0.9), 1.0 if number % 2 == 0 else 1.15)
        for number, x in enumerate(spread)
    )


def shots(
    seconds: float, *, marks: tuple[Mark, ...], seed: int, turns: tuple[tuple[float, float], ...]
) -> tuple[Shot, ...]:
    """Return the shots of a clip: wide and closer ones in turn, the closer ones towards who speaks.

    There is a cut where somebody else begins to speak, unless that would make a shot too short.
    """
    rng = np.random.default_rng([seed, 2])
    edges = _edges(seconds, turns)
    made = []
    for number, (begins, ends) in enumerate(pairwise(edges)):
        direction = float(rng.choice([-1, 1]))
        towards = _towards(marks, turns, at_s=(begins + ends) / 2)
        if number % 2 == 0:
            begin = View(1.0, -0.022 * direction, 0.0)
            end = View(1.06, 0.022 * direction, 0.006)
        else:
            begin = View(1.13, towards * 0.8, 0.012)
            end = View(1.09, towards * 0.55, 0.004)
        made.append(Shot(begins, ends, begin, end))
    return tuple(made)


def turns(count: int, seconds: float) -> tuple[tuple[float, float], ...]:
    """Return when each of so many people is heard: one after the other, in equal parts."""
    edges = np.linspace(0, seconds, count + 1)
    return tuple((float(edges[one]), float(edges[one + 1])) for one in range(count))


def _edges(seconds: float, turns: tuple[tuple[float, float], ...]) -> list[float]:
    """Return where the shots begin, and at last where the clip ends."""
    edges = [0.0]
    for begins, ends in turns:
        if begins - edges[-1] >= SHOT_SECONDS_MIN:
            edges.append(begins)
        first = edges[-1]
        parts = max(1, round((ends - first) / SHOT_SECONDS))
        edges += [first + (ends - first) * part / parts for part in range(1, parts)]
    if len(edges) > 1 and seconds - edges[-1] < SHOT_SECONDS_MIN:
        edges.pop()
    return [*edges, seconds]


def _towards(
    marks: tuple[Mark, ...], turns: tuple[tuple[float, float], ...], *, at_s: float
) -> float:
    """Return how far right, in fractions of the height, the camera leans to who speaks then."""
    # The first turn may be a parent's, which stands nowhere.
    own = turns[len(turns) - len(marks) :]
    for mark, (start, end) in zip(marks, own, strict=True):
        if start <= at_s < end:
            return float(np.clip((mark.x - 0.5) * 0.16, -0.05, 0.05))
    return 0.0
