"""The shape of every outbox handler: one Celery task, called as `task(message_id=..., **payload)`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from celery import shared_task
from django.db import close_old_connections, connection
from django.utils import timezone

from ledger.errors import CountersignError
from ledger.http import idempotency
from ledger.outbox import actions as outbox

logger = structlog.get_logger(__name__)


class Later(Exception):
    """Raised by a handler that waits for something: try again in `delay_s`, without counting it."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(delay_s)
        self.delay_s = delay_s


def handler(function: Callable[..., None]) -> Any:
    """Make `function(*, at, **payload)` the Celery task that carries a topic.

    It may be delivered twice, also at once; the second of two at once does nothing. When it returns
    the message is done. `Later` and errors postpone it. `message_id` is passed on to a function that
    names it.
    """
    wants_id = "message_id" in inspect.signature(function).parameters

    @shared_task(name=f"{function.__module__}.{function.__name__}")
    @functools.wraps(function)
    def carry(*, message_id: str, **payload: Any) -> None:
        close_old_connections()
        identity = UUID(message_id)
        if not _take(identity):
            return
        try:
            if wants_id:
                payload["message_id"] = identity
            function(at=timezone.now(), **payload)
        except Later as exc:
            outbox.postpone(
                message_id=identity, code="later", at=timezone.now(), delay_s=exc.delay_s
            )
        except Exception as exc:
            code = exc.code if isinstance(exc, CountersignError) else type(exc).__name__
            logger.exception("outbox.attempt_failed", message_id=message_id, code=code)
            outbox.postpone(message_id=identity, code=code, at=timezone.now())
        else:
            outbox.finish(message_id=identity, at=timezone.now())
        finally:
            _let_go(identity)

    return carry


@handler
def housekeep(*, at: datetime) -> None:
    """Forget kept HTTP answers after their 24 hours."""
    idempotency.forget(before=at - idempotency.KEEP_FOR)


def _take(identity: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_lock_key(identity)])
        return bool(cursor.fetchone()[0])


def _let_go(identity: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_lock_key(identity)])


def _lock_key(identity: UUID) -> int:
    return int.from_bytes(identity.bytes[:8], "big", signed=True)
