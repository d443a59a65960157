"""The embedded database is found, shared, and gone when nobody uses it, however they end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from ledger.stack import postgres

USER = """
import sys, time
from pathlib import Path
from ledger.stack import postgres
with postgres.running(Path(sys.argv[1]), durable=False) as cluster:
    print("using", flush=True)
    time.sleep(60)
"""


def wait_until(what: str, look: object, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():  # type: ignore[operator]  # A callable.
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


class TestRunning:
    def test_starts_finds_and_stops(self, tmp_path: Path) -> None:
        # A private folder with a long path: the socket lies elsewhere.
        folder = tmp_path / ("long-" * 30) / "postgres"

        with postgres.running(folder, durable=False) as first:
            pid = server_pid(folder)
            with postgres.running(folder, durable=False) as second:
                assert second == first
                assert server_pid(folder) == pid
            with first.connect(postgres.APPLICATION, "countersign") as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)

        wait_until("the server stopped", lambda: not is_alive(pid))
        assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600

    def test_keeps_its_data_and_its_secrets(self, tmp_path: Path) -> None:
        with (
            postgres.running(tmp_path, durable=False) as cluster,
            cluster.connect(postgres.OWNER, "countersign") as connection,
        ):
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
            pid = server_pid(tmp_path)
        wait_until("the server stopped", lambda: not is_alive(pid))

        with (
            postgres.running(tmp_path, durable=False) as cluster,
            cluster.connect(postgres.OWNER, "countersign") as connection,
        ):
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)

    def test_ends_when_its_only_user_is_killed(self, tmp_path: Path) -> None:
        user = subprocess.Popen(
            [sys.executable, "-c", USER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert user.stdout is not None
        assert user.stdout.readline() == "using\n"
        pid = server_pid(tmp_path)

        user.send_signal(signal.SIGKILL)
        user.communicate()

        wait_until("the server stopped", lambda: not is_alive(pid))

    def test_comes_back_when_the_server_was_killed(self, tmp_path: Path) -> None:
        with postgres.running(tmp_path, durable=False):
            pid = server_pid(tmp_path)
            os.kill(pid, signal.SIGKILL)
            wait_until("the server died", lambda: not is_alive(pid))

        with (
            postgres.running(tmp_path, durable=False) as cluster,
            cluster.connect() as connection,
        ):
            assert connection.execute("SELECT 1").fetchone() == (1,)

    def test_refuses_a_wrong_password_and_the_queue_role_elsewhere(self, tmp_path: Path) -> None:
        with postgres.running(tmp_path, durable=False) as cluster:
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(
                    host=str(cluster.socket_folder), user=postgres.APPLICATION,
                    password="wrong", dbname="countersign",
                )  # fmt: skip
            with pytest.raises(psycopg.OperationalError):
                cluster.connect(postgres.QUEUE, "countersign")

    def test_says_what_went_wrong(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "credentials.json").write_text(
            json.dumps(dict.fromkeys(("postgres", "countersign"), "x"))
        )

        with pytest.raises(postgres.PostgresFailed), postgres.running(tmp_path, durable=False):
            pass
