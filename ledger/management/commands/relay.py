"""Carry the outbox: claim what is owed and send it to its tasks, and keep the periodic clocks."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from ledger.celery import app
from ledger.outbox import actions as outbox

POLL_S = 0.1
CLOCKS_EVERY_S = 1.0
RELAY_LOCK = 0x0C0DE_0B0C


class Command(BaseCommand):
    help = "Send what the outbox owes to its Celery tasks, until stopped. One works, others wait."

    def handle(self, **_options: Any) -> None:
        """Loop: keep the clocks, claim, send; wait a tenth of a second when nothing was owed."""
        stopping = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        while not stopping.is_set() and not _leads():
            stopping.wait(POLL_S)
        self.stdout.write("relay: ready")
        self.stdout.flush()
        clocks_due = 0.0
        while not stopping.is_set():
            if time.monotonic() >= clocks_due:
                outbox.enqueue_clocks(at=timezone.now())
                clocks_due = time.monotonic() + CLOCKS_EVERY_S
            if not _carry():
                stopping.wait(POLL_S)


def _carry() -> bool:
    """Send one batch. Returns whether more may be owed."""
    at = timezone.now()
    claimed = outbox.claim(at=at)
    for message in claimed:
        app.send_task(
            message.task,
            kwargs={"message_id": str(message.id), **message.payload},
            task_id=f"{message.id}-{int(at.timestamp())}",
        )
    return len(claimed) == outbox.BATCH


def _leads() -> bool:
    """Take the session lock that makes this the one relay; lost with the connection, and with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [RELAY_LOCK])
        return bool(cursor.fetchone()[0])
