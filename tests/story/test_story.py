"""The demo's story in its short form, as a user runs it: one command, its own state folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ledger.stack.environment import PROJECT_DIR

TIMEOUT_S = 560
# What a clean machine's user does not have either.
FOREIGN = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "CELERY_BROKER_URL", "LOG_PUBLIC_DIR")
LEFT_BEHIND = (
    "render.mp4", "remix.mp4", "trust.pem", "tsa.pem", "log/checkpoint", "log/vkey",
    "proofs/release.tlog-proof", "audit-bundle.zip", "report.pdf",
)  # fmt: skip


class TestStory:
    def test_comes_out_as_told(self, tmp_path: Path) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in FOREIGN and not name.startswith("CELERY_")
        }
        environment["COUNTERSIGN_VAR"] = str(tmp_path / "var")

        done = subprocess.run(
            [sys.executable, "-m", "ledger.stack", "demo", "--short"],
            cwd=PROJECT_DIR,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        demo = tmp_path / "var" / "demo"
        summary = json.loads((demo / "summary.json").read_text())
        assert summary["ok"]
        assert [step["name"] for step in summary["steps"] if not step["ok"]] == []
        assert [name for name in LEFT_BEHIND if not (demo / name).exists()] == []
