"""Which database this process uses: `DATABASE_URL`, or the embedded cluster under the state folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ledger.stack import postgres
from ledger.stack.environment import state_folder


@contextlib.contextmanager
def available() -> Iterator[None]:
    """Make sure that `DATABASE_URL`, `MIGRATION_DATABASE_URL` and `CELERY_BROKER_URL` are set.

    What the environment already says is left alone. The embedded cluster is used for the rest, and
    kept running for the length of the block.
    """
    if "DATABASE_URL" in os.environ:
        os.environ.setdefault("MIGRATION_DATABASE_URL", os.environ["DATABASE_URL"])
        yield
        return
    with postgres.running(state_folder() / "postgres") as cluster:
        os.environ["DATABASE_URL"] = cluster.url(postgres.APPLICATION)
        os.environ.setdefault("MIGRATION_DATABASE_URL", cluster.url(postgres.OWNER))
        os.environ.setdefault(
            "CELERY_BROKER_URL",
            cluster.url(postgres.QUEUE, database="countersign_queue", scheme="pgmq"),
        )
        yield
