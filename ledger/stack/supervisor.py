"""Starts the programs of the stack, restarts one that dies, stops all of them, however it ends itself.

Every program is a child of this process with `pdeathsig`, so that even `kill -9` of the supervisor
ends them; each writes to `run/<name>.log`. A program that dies is started again, at most
`RESTARTS_MAX` times in `RESTARTS_WINDOW_S`; after that the stack is broken and says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

POLL_S = 0.1
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 12.0
RESTARTS_MAX = 8
RESTARTS_WINDOW_S = 60.0


TETHER = Path(__file__).with_name("tether.py")


def tethered(command: Sequence[str], *, stop_signal: int = signal.SIGTERM) -> list[str]:
    """Return the words that run a command as a child that ends with this process."""
    words = [sys.executable, "-S", "-E", str(TETHER), str(os.getpid()), str(int(stop_signal))]
    return [*words, *command]


class ProgramFailed(RuntimeError):
    """A program did not become ready, or kept dying; the message ends with its last words."""


@dataclass(frozen=True)
class Program:
    """One program of the stack.

    `is_ready` is asked until it answers True; `stop_signal` asks for a clean stop.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_MAX))


class Supervisor:
    """Runs programs in order of `start`, and stops them in reverse."""

    def __init__(self, *, folder: Path, working_folder: Path) -> None:
        self._folder = folder
        self._working_folder = working_folder
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._broken: str | None = None
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Supervisor]:
        """Restart what dies while the block runs, then stop everything."""
        self._watcher.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self, *programs: Program) -> None:
        """Start programs side by side and wait until each is ready.

        Raises:
            ProgramFailed: one was not ready within `READY_TIMEOUT_S`.
        """
        with self._lock:
            for program in programs:
                self._running[program.name] = _Running(program, self._launch(program))
        for program in programs:
            self._await(program)

    def stop(self) -> None:
        """Ask every program to stop, newest first; kill what does not within `STOP_TIMEOUT_S`."""
        self._stopping.set()
        with self._lock:
            running = list(self._running.values())[::-1]
            self._running.clear()
        for one in running:
            if one.process.poll() is None:
                one.process.send_signal(one.program.stop_signal)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for one in running:
            try:
                one.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(one.process.pid, signal.SIGKILL)
                one.process.wait()

    def pid(self, name: str) -> int:
        """Return the process id of a program."""
        with self._lock:
            return self._running[name].process.pid

    def broken(self) -> str | None:
        """Return which program kept dying, if one did."""
        return self._broken

    def last_words(self, name: str, size_bytes: int = 1500) -> str:
        """Return the end of a program's log."""
        path = self._folder / f"{name}.log"
        return path.read_bytes()[-size_bytes:].decode(errors="replace") if path.exists() else ""

    def _launch(self, program: Program) -> subprocess.Popen[bytes]:
        with (self._folder / f"{program.name}.log").open("ab") as log:
            return subprocess.Popen(
                tethered(program.command, stop_signal=program.stop_signal),
                cwd=self._working_folder,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor, which stops them in order.
            )

    def _await(self, program: Program) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline and not self._broken:
            if program.is_ready():
                return
            time.sleep(POLL_S)
        raise ProgramFailed(f"{program.name} did not start:\n{self.last_words(program.name)}")

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_S):
            with self._lock:
                for one in list(self._running.values()):
                    if one.process.poll() is not None and not self._stopping.is_set():
                        self._restart(one)

    def _restart(self, one: _Running) -> None:
        now = time.monotonic()
        one.starts.append(now)
        if len(one.starts) == RESTARTS_MAX and one.starts[0] > now - RESTARTS_WINDOW_S:
            self._broken = one.program.name
            return
        one.process = self._launch(one.program)
