"""Programs are started, restarted when they die, and stopped, whatever happens to the supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.stack.supervisor import Program, ProgramFailed, Supervisor

SLEEPER = "import sys, time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
HOST = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from ledger.stack.supervisor import Program, Supervisor
import os
folder = Path(sys.argv[1])
with Supervisor(folder=folder, working_folder=folder).watching() as supervisor:
    supervisor.start(Program("one", [sys.executable, "-c", {sleeper!r}], dict(os.environ), lambda: True))
    print(supervisor.pid("one"), flush=True)
    time.sleep(60)
"""
ROOT = Path(__file__).resolve().parents[3]


def wait_until(what: str, look: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().split()[2] != "Z"


def program(
    name: str, code: str, folder: Path, is_ready: Callable[[], bool] | None = None
) -> Program:
    return Program(name, [sys.executable, "-c", code], dict(os.environ), is_ready or (lambda: True))


class TestSupervisor:
    def test_starts_again_what_was_killed(self, tmp_path: Path) -> None:
        with Supervisor(folder=tmp_path, working_folder=tmp_path).watching() as supervisor:
            supervisor.start(program("one", SLEEPER, tmp_path))
            first = supervisor.pid("one")

            os.kill(first, signal.SIGKILL)
            wait_until("another one runs", lambda: supervisor.pid("one") != first)

            second = supervisor.pid("one")
            assert is_alive(second)
        assert not is_alive(second)

    def test_kills_what_does_not_stop(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ledger.stack.supervisor.STOP_TIMEOUT_S", 0.5)
        with Supervisor(folder=tmp_path, working_folder=tmp_path).watching() as supervisor:
            supervisor.start(program("stubborn", STUBBORN, tmp_path))
            pid = supervisor.pid("stubborn")
            time.sleep(0.3)

        assert not is_alive(pid)

    def test_says_what_a_program_said_that_never_became_ready(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ledger.stack.supervisor.READY_TIMEOUT_S", 0.8)
        never = program(
            "never",
            "print('the reason', flush=True); import time; time.sleep(9)",
            tmp_path,
            lambda: False,
        )

        with (
            Supervisor(folder=tmp_path, working_folder=tmp_path).watching() as supervisor,
            pytest.raises(ProgramFailed, match="the reason"),
        ):
            supervisor.start(never)

    def test_gives_up_on_what_keeps_dying(self, tmp_path: Path) -> None:
        with Supervisor(folder=tmp_path, working_folder=tmp_path).watching() as supervisor:
            supervisor.start(program("dying", "raise SystemExit(3)", tmp_path))

            wait_until("it is broken", lambda: supervisor.broken() == "dying")

    def test_takes_its_programs_along_when_it_is_killed(self, tmp_path: Path) -> None:
        host = subprocess.Popen(
            [sys.executable, "-c", HOST.format(root=str(ROOT), sleeper=SLEEPER), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        assert is_alive(pid)

        host.send_signal(signal.SIGKILL)
        host.communicate()

        wait_until("the program ended too", lambda: not is_alive(pid))
