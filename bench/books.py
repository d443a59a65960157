"""How fast the books are: transactions of four postings each, with every trigger, fsync on.

    python -m bench books

Eight clients, each a process with a connection of its own, on a database of their own. Measured is
`rights.settlement.books.post`, as the service calls it. Beside it stand one client alone, and how
long the sums of `GET /books/balances` take over what was written. The floor is what a prototype of
the schema reached on two cores with eight clients: 3,177 transactions/s.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import time
import uuid
from datetime import UTC, datetime
from multiprocessing.queues import Queue

from bench.log_sequence import own_database

CLIENTS = 8
PAYEES = 50
SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
FLOOR = 3_177


def main() -> None:
    """Measure, print one line a figure, and all of them as JSON on the last line."""
    with own_database():
        owners = payees()
        alone = transactions_per_s(1, owners)
        rate = transactions_per_s(CLIENTS, owners)
        is_balanced, postings, sums_ms = balances()
    print(f"{'ok  ' if rate >= FLOOR else 'MISS'} {CLIENTS} clients: {rate:,.0f} transactions/s")
    print(f"     1 client: {alone:,.0f} transactions/s")
    print(f"     every balance over {postings:,} postings: {sums_ms:.0f} ms")
    print(
        json.dumps(
            {
                "name": "books",
                "value": round(rate),
                "unit": "transactions/s",
                "floor": FLOOR,
                "ratio": round(rate / FLOOR, 3),
                "peers": {},
                "one_client": round(alone),
                "postings": postings,
                "balanced": is_balanced,
                "balances_ms": round(sums_ms),
            }
        )
    )


def payees() -> list[uuid.UUID]:
    """Return people to owe money to."""
    from ledger.accounts.models import Account

    rows = [
        Account(email=f"{number}@example.com", handle=f"payee_{number}", password="!")
        for number in range(PAYEES)
    ]
    return [row.id for row in Account.objects.bulk_create(rows)]


def transactions_per_s(clients: int, owners: list[uuid.UUID]) -> float:
    """Return how many transactions all clients posted in a second, over `SECONDS`."""
    from django.db import connections

    connections.close_all()  # A forked client must not share the parent's.
    context = multiprocessing.get_context("fork")
    counts: Queue[int] = context.Queue()
    starts_at = time.time() + 1.0
    workers = [
        context.Process(target=_post, args=(starts_at, owners, counts)) for _ in range(clients)
    ]
    for worker in workers:
        worker.start()
    total = sum(counts.get(timeout=SECONDS * 4 + 30) for _ in workers)
    for worker in workers:
        worker.join(30)
    return total / SECONDS


def _post(starts_at: float, owners: list[uuid.UUID], counts: Queue[int]) -> None:
    """Post captures of one licence each, until the time is over; one transaction each."""
    from django.db import connections, transaction

    from rights.settlement import books
    from rights.settlement.entries import Entry, Leg

    at = datetime.now(tz=UTC)
    count = 0
    for owner in owners:  # Accounts are opened once, not in the measured time.
        opening = (Leg("payable", 1, owner), Leg("stripe", -1))
        with transaction.atomic():
            books.post(Entry(str(uuid.uuid4()), "payout", "usd", opening), at=at)
    time.sleep(max(0.0, starts_at - time.time()))
    ends_s = time.perf_counter() + SECONDS
    while time.perf_counter() < ends_s:
        legs = (
            Leg("stripe", 941),
            Leg("processing_fees", 59),
            Leg("platform_revenue", -100),
            Leg("payable", -900, owners[count % len(owners)]),
        )
        entry = Entry(str(uuid.uuid4()), "capture", "usd", legs)
        with transaction.atomic():
            books.post(entry, at=at)
        count += 1
    counts.put(count)
    connections.close_all()


def balances() -> tuple[bool, int, float]:
    """Return whether the books balance, how many postings they hold, and what summing them takes."""
    from rights.settlement import queries
    from rights.settlement.models import Posting

    times = []
    for _ in range(3):
        started_s = time.perf_counter()
        found = queries.books()
        times.append(time.perf_counter() - started_s)
    return found.is_balanced, Posting.objects.count(), statistics.median(times) * 1000
