"""One progress display for everything the starter does: a line a step, its time, and the total.

On a terminal the line of the step at work is redrawn with its age; elsewhere each step prints one line
when it ends. Never colour alone: each outcome has a word.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

REDRAW_S = 0.2


class Display:
    """Prints steps. `started_at` is the wall time at which the user pressed return, if known."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        since = os.environ.get("COUNTERSIGN_STARTED_AT")
        self._started_at = float(since) if since else time.time()
        self._lock = threading.Lock()

    def total_s(self) -> float:
        """Return the seconds since the user's command started."""
        return time.time() - self._started_at

    def say(self, text: str) -> None:
        """Print a line of its own."""
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while the block runs, then its outcome and seconds."""
        step = Step(name)
        finished = threading.Event()
        redraw = threading.Thread(target=self._redraw, args=(step, finished), daemon=True)
        if self._is_terminal:
            redraw.start()
        began = time.monotonic()
        outcome = "failed"
        try:
            yield step
            outcome = "done"
        finally:
            finished.set()
            if self._is_terminal:
                redraw.join()
            self._finish(step, outcome, time.monotonic() - began)

    def _redraw(self, step: Step, finished: threading.Event) -> None:
        began = time.monotonic()
        while not finished.wait(REDRAW_S):
            with self._lock:
                self._stream.write(
                    f"\r\x1b[2K   … {step.shown()}  {time.monotonic() - began:.0f} s"
                )
                self._stream.flush()

    def _finish(self, step: Step, outcome: str, seconds: float) -> None:
        mark = "✓" if outcome == "done" else "✗"
        clear = "\r\x1b[2K" if self._is_terminal else ""
        with self._lock:
            self._stream.write(
                f"{clear} {mark} {step.shown():<58} {outcome:>6} {seconds:6.1f} s"
                f"   total {self.total_s():5.0f} s\n"
            )
            self._stream.flush()


class Step:
    """A step being shown; `detail` may change while it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""

    def shown(self) -> str:
        """Return the step's name with its newest detail."""
        return f"{self.name}: {self.detail}" if self.detail else self.name
