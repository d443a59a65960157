"""Which database this process uses: `DATABASE_URL`, or the embedded cluster under the state folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ledger.stack import broker, postgres
from ledger.stack.environment import is_production, state_folder


@contextlib.contextmanager
def available() -> Iterator[None]:
    """Make sure that the environment names the database, the broker, and the running stack's addresses.

    What the environment already says is left alone. The embedded cluster is used for the rest, and
    kept running for the length of the block. With a `DATABASE_URL` and no broker, development keeps
    its queues in that same database, as its owner.
    """
    with contextlib.ExitStack() as stack:
        if "DATABASE_URL" not in os.environ:
            cluster = stack.enter_context(postgres.running(state_folder() / "postgres"))
            os.environ["DATABASE_URL"] = cluster.url(postgres.APPLICATION)
            os.environ.setdefault("MIGRATION_DATABASE_URL", cluster.url(postgres.OWNER))
            os.environ.setdefault(
                "CELERY_BROKER_URL",
                cluster.url(postgres.QUEUE, database="countersign_queue", scheme="pgmq"),
            )
        os.environ.setdefault("MIGRATION_DATABASE_URL", os.environ["DATABASE_URL"])
        if not is_production():  # There a broker of its own is asked for.
            rest = os.environ["MIGRATION_DATABASE_URL"].partition("://")[2]
            os.environ.setdefault("CELERY_BROKER_URL", f"pgmq://{rest}")
        if url := os.environ.get("CELERY_BROKER_URL"):
            os.environ.setdefault("CELERY_BROKER_TRANSPORT_OPTIONS", broker.transport_options(url))
        for name, value in _addresses_of_the_running_stack().items():
            os.environ.setdefault(name, value)
        yield


def addresses_file() -> Path:
    """Return where the stack notes the addresses it serves at, none of them secret."""
    return state_folder() / "run" / "addresses.json"


def _addresses_of_the_running_stack() -> dict[str, str]:
    try:
        return {str(k): str(v) for k, v in json.loads(addresses_file().read_text()).items()}
    except (OSError, ValueError):
        return {}
