"""Start a database of its own for each test run, before pytest-django reads the settings.

Loaded with `-p tests.postgres_plugin`. fsync is off: these clusters live in a temporary folder and
are deleted when the run ends. The state folder is temporary too, so tests never touch `var/`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

_stack = contextlib.ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Start the cluster in the controlling process; xdist's workers inherit the environment.

    This hook, and not `pytest_load_initial_conftests`: pytest-django reads the settings in that one,
    and is called first.
    """
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        # The cluster is shared; files and keys are each process's own.
        os.environ["COUNTERSIGN_VAR"] = str(Path(os.environ["COUNTERSIGN_TEST_VAR"]) / worker)
        return
    if os.environ.get("COUNTERSIGN_TEST_VAR"):
        return
    from ledger.stack import broker, postgres  # After the environment is decided.

    folder = Path(tempfile.mkdtemp(prefix="countersign-test-"))
    _stack.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["COUNTERSIGN_TEST_VAR"] = os.environ["COUNTERSIGN_VAR"] = str(folder)
    cluster = _stack.enter_context(postgres.running(folder / "postgres", durable=False))
    os.environ["DATABASE_URL"] = cluster.url("postgres")
    url = cluster.url(postgres.QUEUE, database="countersign_queue", scheme="pgmq")
    os.environ["CELERY_BROKER_URL"] = url
    os.environ["CELERY_BROKER_TRANSPORT_OPTIONS"] = broker.transport_options(url)
    broker.install(url)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the cluster go; its keeper stops it."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        _stack.close()
