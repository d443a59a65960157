"""Runs the story's steps one after the other, prints each with its outcome and time, sums them up."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How one step ended."""

    name: str
    ok: bool
    seconds: float
    detail: str


class Runner:
    """Collects outcomes. The first failed step ends the story: what follows rests on it."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self._began = time.monotonic()

    def step(self, name: str, act: Callable[[], str]) -> None:
        """Run one step; what `act` returns is shown as its detail.

        Raises:
            StepFailed: `act` raised; the outcome is recorded first.
        """
        self._show(f"   … {name}", end="")
        began = time.monotonic()
        try:
            detail, ok = act(), True
        except Exception as exc:
            detail, ok = f"{type(exc).__name__}: {exc}", False
            trace = traceback.format_exc()
        seconds = time.monotonic() - began
        self.outcomes.append(Outcome(name, ok, round(seconds, 3), detail))
        self._show("\r\x1b[2K" if sys.stdout.isatty() else "", end="")
        print(f" {'✓' if ok else '✗'} {name:<58} {'done' if ok else 'FAILED':>6} {seconds:6.1f} s")
        print(f"     {detail}", flush=True)
        if not ok:
            print(trace, file=sys.stderr, flush=True)
            raise StepFailed(name)

    def summary(self) -> dict[str, object]:
        """Return what `summary.json` holds."""
        return {
            "steps": [asdict(outcome) for outcome in self.outcomes],
            "ok": bool(self.outcomes) and all(outcome.ok for outcome in self.outcomes),
            "seconds": round(time.monotonic() - self._began, 3),
        }

    def write(self, path: Path) -> None:
        """Write `summary.json`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.summary(), indent=1, ensure_ascii=False) + "\n")

    def _show(self, text: str, end: str = "\n") -> None:
        if sys.stdout.isatty():
            print(text, end=end, flush=True)


class StepFailed(RuntimeError):
    """A step did not come out as told."""
