"""The walls between apps and rooms hold, and each contract fails when somebody climbs over it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("ledger", "rights", "provenance", "gpu_worker")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


CLIMBS = {
    "ledger/consent/gates.py": "from rights.licences import queries as climbing",
    "provenance/renders/jobs.py": "from gpu_worker.marking import invisible as climbing",
    "gpu_worker/client.py": "import django as climbing",
    "ledger/log/actions.py": "from ledger.consent import gates as climbing",
    "rights/licences/queries.py": "from rights.takedowns import rules as climbing",
    "provenance/seals/queries.py": "from provenance.reports import models as climbing",
    "ledger/consent/rules.py": "from django.utils import timezone as climbing",
}


class TestContracts:
    def test_hold_in_the_tree_as_it_is(self) -> None:
        answer = lint(ROOT)

        assert answer.returncode == 0, answer.stdout

    def test_break_every_one_when_somebody_climbs_over_each(self, copy: Path) -> None:
        for module, climb in CLIMBS.items():
            with (copy / module).open("a") as file:
                file.write(f"\n{climb}\n")

        answer = lint(copy)

        assert answer.returncode == 1
        assert f"Contracts: 0 kept, {len(CLIMBS)} broken." in answer.stdout
