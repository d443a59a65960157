"""How fast the log is: drained from a backlog, beside writers, from commit to checkpoint, and proofs.

    python -m bench log_sequence

On a database of its own with fsync on, in one run. Peers: Tessera publishes about 10,000 entries/s on
NVMe; Sunlight's sequencing period is capped at 1 s.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BACKLOG = int(os.environ.get("BENCH_BACKLOG", "200000"))
WRITERS = 16
SECONDS = 6.0  # For each run with writers.
ENTRY_SIZE_BYTES = 250


def main() -> None:
    """Measure, print one line a figure, then one JSON object: writers with the log beside none."""
    with own_database():
        figures = [drained(), proofs(), *beside_writers()]
    for name, value, unit, floor, is_met in figures:
        print(f"{'ok  ' if is_met else 'MISS'} {name}: {value:,.1f} {unit} (floor {floor})")
    by_name = {name: round(value, 2) for name, value, *_ in figures}
    alone, logged = (
        by_name["16 writers, without the log"],
        by_name["16 writers, each with an entry"],
    )
    print(
        json.dumps(
            {
                "name": "log_sequence",
                "value": logged,
                "unit": "commits/s",
                "floor": alone,
                "ratio": round(logged / alone, 3),
                "peers": {},
                "also": by_name,
            }
        )
    )


Figure = tuple[str, float, str, str, bool]


@contextmanager
def own_database() -> Iterator[None]:
    """Run on a fresh cluster below a temporary folder, migrated."""
    from ledger.stack import postgres

    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        os.environ["COUNTERSIGN_VAR"] = folder
        os.environ["LOG_LEVEL"] = "WARNING"
        os.environ["DJANGO_SETTINGS_MODULE"] = "ledger.settings"
        with postgres.running(Path(folder) / "postgres") as cluster:
            os.environ["DATABASE_URL"] = cluster.url("postgres")
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0)
            try:
                yield
            finally:
                connections.close_all()


def drained() -> Figure:
    """Sequence and publish a backlog."""
    from ledger.log import sequencer
    from tests.factories import log as logs

    stage_raw(BACKLOG)
    started_s = time.perf_counter()
    size = sequencer.run(
        logs.manner(), stopping=threading.Event(), once=True, ready=lambda size: None
    )
    rate = BACKLOG / (time.perf_counter() - started_s)
    assert size == BACKLOG
    return ("drained from a backlog, published", rate, "entries/s", "30,000", rate >= 30_000)


def stage_raw(count: int) -> None:
    """Stage random entries, without their records: this measures the sequencer alone."""
    from django.db import connection

    at = datetime.now(tz=UTC)
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY ledger_stagedentry (entry_id, data, staged_at) FROM STDIN") as copy,
    ):
        for _ in range(count):
            copy.write_row((uuid.uuid4(), secrets.token_bytes(ENTRY_SIZE_BYTES), at))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_stagedentry")


def proofs() -> Figure:
    """Make inclusion proofs out of the stored tiles."""
    from ledger.log import merkle, queries

    size = queries.tree_size()
    times = []
    for _ in range(300):
        started_s = time.perf_counter()
        index = secrets.randbelow(size)
        read = queries.tile_reader(merkle.tiles_on_path(index=index, size=size))
        merkle.inclusion_proof(index=index, size=size, read=read)
        times.append(time.perf_counter() - started_s)
    median_ms = statistics.median(times) * 1000
    return (f"inclusion proof at {size:,} entries", median_ms, "ms", "< 2", median_ms < 2)


def beside_writers() -> list[Figure]:
    """Compare commits with and without an entry, in turns; measure commit to checkpoint."""
    from django.db import connection, transaction

    from ledger.accounts.models import Account
    from ledger.log import actions as log

    def change() -> Account:
        handle = secrets.token_hex(12)
        account = Account(email=f"{handle}@example.com", handle=handle, password="!")
        account.save(force_insert=True)
        return account

    def without() -> None:
        with transaction.atomic():
            change()

    def with_entry() -> None:
        with transaction.atomic():
            account = change()
            log.stage(
                type="bench.written", at=datetime.now(tz=UTC), subject_id=None, rows=[account]
            )

    bare, logged = [], []
    with sequencing():
        for _turn in range(2):
            bare.append(commits_per_s(without))
            logged.append(commits_per_s(with_entry))
        waits = sorted(commit_to_checkpoint(with_entry))
    connection.close()
    share = sum(logged) / sum(bare)
    p99_ms = waits[int(len(waits) * 0.99)] * 1000
    return [
        (f"{WRITERS} writers, without the log", sum(bare) / 2, "commits/s", "none", True),
        (f"{WRITERS} writers, each with an entry", sum(logged) / 2, "commits/s", "none", True),
        ("share of the rate without the log", share * 100, "%", "50", share >= 0.5),
        ("commit to checkpoint, p99", p99_ms, "ms", "< 500", p99_ms < 500),
    ]


def commits_per_s(work: Callable[[], None]) -> float:
    """Count what `WRITERS` processes commit; threads would measure Python's own lock."""
    from django.db import connections

    connections.close_all()  # A connection must not be shared by a fork.
    context = multiprocessing.get_context("fork")
    counts: Any = context.Queue()
    ends_s = time.monotonic() + SECONDS / 2

    def write() -> None:
        count = 0
        while time.monotonic() < ends_s:
            work()
            count += 1
        counts.put(count)

    processes = [context.Process(target=write) for _ in range(WRITERS)]
    for process in processes:
        process.start()
    total: int = sum(counts.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    return total / (SECONDS / 2)


def commit_to_checkpoint(work: Callable[[], None]) -> Iterator[float]:
    """Yield the time from each commit to the checkpoint over it, one writer at its own pace."""
    from ledger.log import queries
    from ledger.log.models import StagedEntry

    ends_s = time.perf_counter() + SECONDS
    while time.perf_counter() < ends_s:
        work()
        committed_s = time.perf_counter()
        entry_id = (
            StagedEntry.objects.order_by("-sequence").values_list("entry_id", flat=True).first()
        )
        while entry_id and not queries.is_sequenced(entry_id):
            time.sleep(0.002)
        yield time.perf_counter() - committed_s
        time.sleep(0.05 * secrets.randbelow(5))


@contextmanager
def sequencing() -> Iterator[None]:
    """Run a sequencer in a process of its own, as in production."""
    import subprocess

    process: Any = subprocess.Popen(
        [sys.executable, "manage.py", "sequence"], stdout=subprocess.PIPE, text=True
    )
    try:
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
