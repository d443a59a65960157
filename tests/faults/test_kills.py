"""Any program of a whole Countersign is killed with -9 while it renders: the render still comes out.

One real stack, one enrolled person, one small render for each victim. Afterwards the log verifies against
every row, and the books balance: never a half-done thing.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ledger.stack.environment import PROJECT_DIR
from script.story.client import Client, wait_for
from script.story.people import film

READY_TIMEOUT_S = 180
RENDER_TIMEOUT_S = 150
VICTIMS = ("gpu_worker", "tasks", "relay", "sequencer", "web", "witness", "postgres")
FOREIGN = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "LOG_PUBLIC_DIR", "COUNTERSIGN_TEST_VAR")


class Stack:
    """A running `python -m ledger.stack serve`, and its state folder."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in FOREIGN and not name.startswith("CELERY_")
        } | {"COUNTERSIGN_VAR": str(var), "RENDER_BEAT_TIMEOUT_S": "4"}
        self.log = var / "stack.log"
        var.mkdir()
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ledger.stack", "serve"],
                cwd=PROJECT_DIR, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip
        wait_for("the stack", self._is_ready, timeout_s=READY_TIMEOUT_S)
        ports = json.loads((var / "run" / "ports.json").read_text())
        self.url = f"http://127.0.0.1:{ports['web']}"

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "ready after" in self.log.read_text()

    def kill(self, victim: str) -> None:
        """Kill one program with -9, as the kernel would when memory runs out."""
        for pid in self._pids(victim):
            os.kill(pid, signal.SIGKILL)

    def _pids(self, victim: str) -> list[int]:
        if victim == "postgres":
            return [int((self.var / "postgres/data/postmaster.pid").read_text().split()[0])]
        words = {
            "gpu_worker": "-m gpu_worker", "tasks": "-m celery", "relay": "manage.py relay",
            "sequencer": "manage.py sequence", "web": "-m gunicorn",
            "witness": "ledger.log.witness",
        }[victim]  # fmt: skip
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (folder / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            is_ours = str(self.var) in environment or str(self.var) in command
            if words in command and "tether.py" not in command and is_ours:
                found.append(int(folder.name))
        assert found, f"no {victim} runs"
        return found

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a management command beside the stack."""
        return subprocess.run(
            [sys.executable, "manage.py", *words], cwd=PROJECT_DIR, env=self.environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One whole Countersign for all the kills."""
    running = Stack(tmp_path_factory.mktemp("kills") / "var")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ben(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Somebody enrolled who renders himself."""
    email, password = f"ben.{secrets.token_hex(3)}@example.org", secrets.token_urlsafe(15)
    body = {
        "email": email, "password": password, "handle": f"ben_{secrets.token_hex(3)}",
        "born_on": "1990-01-01",
    }  # fmt: skip
    Client(url=stack.url).post("accounts", body)
    token = requests.post(f"{stack.url}/api/v1/tokens", auth=(email, password), timeout=30).json()
    api = Client(url=stack.url, token=token["token"])
    session = api.post("enrolments")
    statement = {"agreed": True, "statement_sha256": session["statement"]["sha256"]}
    api.post(f"enrolments/{session['id']}/statement", statement)
    clip = tmp_path_factory.mktemp("clip") / "ben.mp4"
    film("ben", session["challenge"], clip)
    done = api.upload(f"enrolments/{session['id']}/capture", clip, "video/mp4")
    assert done["state"] == "verified", done
    return {"api": api, "cameo_id": done["cameo_id"]}


def state_of(api: Client, render_id: str) -> str:
    """Return a render's state; while the web server is away, that it is away."""
    try:
        return str(api.get(f"renders/{render_id}")["state"])
    except requests.RequestException:
        return "away"
    except RuntimeError as problem:  # A 5xx while PostgreSQL is away.
        if "50" not in str(problem)[:3]:
            raise
        return "away"


class TestKill:
    @pytest.mark.parametrize("victim", VICTIMS)
    def test_in_mid_render_costs_time_and_nothing_else(
        self, stack: Stack, ben: dict[str, Any], victim: str
    ) -> None:
        api: Client = ben["api"]
        made = api.post(
            "renders",
            {
                "prompt": "Ben in the mountains", "cast": [ben["cameo_id"]], "seconds": "2",
                "width_px": 640, "height_px": 360,
            },
        )  # fmt: skip
        wait_for(
            "the render to be at work",
            lambda: state_of(api, made["id"]) in ("rendering", "sealing", "released"),
            timeout_s=RENDER_TIMEOUT_S,
            poll_s=0.05,
        )

        stack.kill(victim)

        ends = ("released", "failed", "denied", "cancelled")
        wait_for(
            f"the render to end after {victim} was killed",
            lambda: state_of(api, made["id"]) in ends,
            timeout_s=RENDER_TIMEOUT_S,
        )
        assert state_of(api, made["id"]) == "released"
        assert api.status_of(f"/api/v1/renders/{made['id']}/file") == 200

    def test_leaves_a_log_that_verifies(self, stack: Stack, ben: dict[str, Any]) -> None:
        time.sleep(1.0)  # The newest entries are being sequenced.

        answer = stack.manage("verify_log")

        assert answer.returncode == 0, answer.stdout + answer.stderr
