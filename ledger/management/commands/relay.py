"""Carry the outbox: claim what is owed and send it to its tasks, and keep the periodic clocks."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import psycopg
import structlog
from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from ledger.celery import app
from ledger.outbox import actions as outbox

logger = structlog.get_logger(__name__)

POLL_S = 0.5
RELAY_LOCK = 0x0C0DE_0B0C


class Command(BaseCommand):
    help = "Send what the outbox owes to its Celery tasks, until stopped. One works, others wait."

    def handle(self, **_options: Any) -> None:
        """Loop: clocks, claim, send, wait for a notification or half a second."""
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        with psycopg.connect(
            **{
                **connection.get_connection_params(),
                "context": None,
                "cursor_factory": psycopg.Cursor,
            },
            autocommit=True,
        ) as listener:
            while not self._stopping and not _leads(listener):
                self._wait(listener)
            listener.execute(f"LISTEN {outbox.CHANNEL}")
            self.stdout.write("relay: ready")
            self.stdout.flush()
            while not self._stopping:
                if not self._carry():
                    self._wait(listener)

    def _carry(self) -> bool:
        at = timezone.now()
        outbox.enqueue_clocks(at=at)
        claimed = outbox.claim(at=at)
        for message in claimed:
            app.send_task(
                message.task,
                kwargs={"message_id": str(message.id), **message.payload},
                task_id=f"{message.id}-{int(at.timestamp())}",
            )
        return len(claimed) == outbox.BATCH

    def _wait(self, listener: psycopg.Connection[Any]) -> None:
        for _notification in listener.notifies(timeout=POLL_S, stop_after=1):
            return

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True


def _leads(listener: psycopg.Connection[Any]) -> bool:
    row = listener.execute("SELECT pg_try_advisory_lock(%s)", [RELAY_LOCK]).fetchone()
    return bool(row and row[0])
