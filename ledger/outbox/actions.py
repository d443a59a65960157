"""The outbox: effects owed, written in the transaction that decided them, and carried after it.

Promises: an effect whose transaction committed is carried at least once, and one whose transaction
rolled back never is. A message is *owed* until `done_at` or `failed_at` is set. The relay claims owed
messages that are due (`FOR UPDATE SKIP LOCKED`), moves their `due_at` ahead by a visibility time, and
sends each to its Celery task; the task marks it done. A relay, broker or worker that dies in between
costs the visibility time and nothing else. Handlers are idempotent; a message is worked on by one
process at a time (a session advisory lock), and given up after `ATTEMPTS_MAX` failures. Only what a
handler raised counts: a message that waits out an outage of the workers is sent as often as it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from ledger.db import step, use_case
from ledger.outbox.models import OutboxMessage

BATCH = 100
VISIBILITY_S = 20
ATTEMPTS_MAX = 12
BACKOFF_S_MAX = 300
KEEP_DONE_FOR = timedelta(days=7)


class UnknownTopic(RuntimeError):
    """A topic that no handler is named for: a mistake in the code, found at once."""


@dataclass(frozen=True)
class Claimed:
    """A message that the relay has claimed and must send."""

    id: UUID
    task: str
    payload: Mapping[str, object]


@step
def enqueue(
    *, topic: str, payload: Mapping[str, object], at: datetime, due_at: datetime | None = None
) -> UUID:
    """Owe one effect, from `due_at` (default: at once) on. Returns the message's id.

    Raises:
        UnknownTopic: `OUTBOX_HANDLERS` names no task for the topic.
    """
    if topic not in settings.OUTBOX_HANDLERS:
        raise UnknownTopic(topic)
    message = OutboxMessage.objects.create(
        topic=topic, payload=dict(payload), due_at=due_at or at, created_at=at
    )
    return (
        message.id
    )  # No NOTIFY: it would make every commit wait for every other; the relay polls.


@use_case
def claim(*, at: datetime) -> Sequence[Claimed]:
    """Claim at most `BATCH` owed messages that are due, oldest first."""
    owed = list(
        OutboxMessage.objects.select_for_update(skip_locked=True)
        .filter(done_at=None, failed_at=None, due_at__lte=at)
        .order_by("due_at")[:BATCH]
    )
    OutboxMessage.objects.filter(id__in=[message.id for message in owed]).update(
        due_at=at + timedelta(seconds=VISIBILITY_S)
    )
    return [
        Claimed(message.id, settings.OUTBOX_HANDLERS[message.topic], message.payload)
        for message in owed
        if message.topic in settings.OUTBOX_HANDLERS
    ]


@use_case
def finish(*, message_id: UUID, at: datetime) -> None:
    """Note that the effect happened."""
    OutboxMessage.objects.filter(id=message_id, done_at=None).update(done_at=at)


@use_case
def postpone(*, message_id: UUID, code: str, at: datetime, delay_s: float | None = None) -> None:
    """Note that an attempt failed, and try again later; give up after `ATTEMPTS_MAX`.

    Args:
        code: the error's permanent code or class; never its text.
        delay_s: set by a handler that only waits for something: the attempt is not counted.
    """
    message = OutboxMessage.objects.select_for_update().filter(id=message_id, done_at=None).first()
    if message is None:
        return
    if delay_s is None:
        message.attempts += 1
        if message.attempts >= ATTEMPTS_MAX:
            message.failed_at = at
    backoff_s = min(2.0**message.attempts, BACKOFF_S_MAX)
    message.due_at = at + timedelta(seconds=backoff_s if delay_s is None else delay_s)
    message.last_error = code
    message.save(update_fields=["attempts", "due_at", "failed_at", "last_error"])


@use_case
def enqueue_clocks(*, at: datetime) -> None:
    """Owe each periodic task once: `PERIODIC_TOPICS` maps a topic to its period in seconds.

    A topic that is still owed is not owed twice, so slow workers are never buried. Only the relay
    calls this, and a second relay waits for its turn.
    """
    OutboxMessage.objects.filter(done_at__lt=at - KEEP_DONE_FOR).delete()
    latest = {
        row["topic"]: row
        for row in OutboxMessage.objects.filter(topic__in=settings.PERIODIC_TOPICS)
        .order_by("topic", "-created_at")
        .distinct("topic")
        .values("topic", "created_at", "done_at", "failed_at")
    }
    for topic, period_s in settings.PERIODIC_TOPICS.items():
        last = latest.get(topic)
        if last is not None:
            is_owed = last["done_at"] is None and last["failed_at"] is None
            if is_owed or last["created_at"] > at - timedelta(seconds=period_s):
                continue
        OutboxMessage.objects.filter(topic=topic, done_at__isnull=False).delete()
        enqueue(topic=topic, payload={}, at=at)
