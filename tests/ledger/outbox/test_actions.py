"""Effects are carried after the commit that decided them: at least once, and never without it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from ledger.db import StepOutsideTransaction
from ledger.errors import Unavailable
from ledger.outbox import actions as outbox
from ledger.outbox.models import OutboxMessage
from ledger.outbox.queries import owed
from ledger.outbox.tasks import Later, handler

SECOND = timedelta(seconds=1)
HANDLED: list[str] = []


class Down(Unavailable):
    code = "test-down"
    title = "Down."


@handler
def carry(*, at: datetime, what: str) -> None:
    if what == "later":
        raise Later(3.0)
    if what == "down":
        raise Down
    HANDLED.append(what)


@pytest.fixture(autouse=True)
def topics(settings: Any) -> None:
    HANDLED.clear()
    settings.OUTBOX_HANDLERS = {
        "test.carry": f"{__name__}.carry",
        "clock.test": f"{__name__}.carry",
    }
    settings.PERIODIC_TOPICS = {"clock.test": 60}


def owe(what: str, at: datetime) -> str:
    with transaction.atomic():
        return str(outbox.enqueue(topic="test.carry", payload={"what": what}, at=at))


@pytest.mark.django_db(transaction=True)
class TestEnqueue:
    def test_owes_nothing_when_the_transaction_rolls_back(self, noon: datetime) -> None:
        with pytest.raises(Down), transaction.atomic():
            outbox.enqueue(topic="test.carry", payload={"what": "x"}, at=noon)
            raise Down

        assert owed().count == 0

    def test_refuses_outside_a_transaction(self, noon: datetime) -> None:
        with pytest.raises(StepOutsideTransaction):
            outbox.enqueue(topic="test.carry", payload={}, at=noon)

    def test_refuses_a_topic_that_nobody_handles(self, noon: datetime) -> None:
        with pytest.raises(outbox.UnknownTopic), transaction.atomic():
            outbox.enqueue(topic="test.unknown", payload={}, at=noon)


@pytest.mark.django_db(transaction=True)
class TestClaim:
    def test_gives_a_message_once_until_its_visibility_ends(self, noon: datetime) -> None:
        message_id = owe("x", noon)

        first = outbox.claim(at=noon)
        again = outbox.claim(at=noon + SECOND)
        later = outbox.claim(at=noon + timedelta(seconds=outbox.VISIBILITY_S))

        assert [str(each.id) for each in first] == [message_id]
        assert again == []
        assert [each.id for each in later] == [each.id for each in first]

    def test_leaves_what_is_not_due(self, noon: datetime) -> None:
        with transaction.atomic():
            outbox.enqueue(topic="test.carry", payload={}, at=noon, due_at=noon + SECOND)

        assert outbox.claim(at=noon) == []


@pytest.mark.django_db(transaction=True)
class TestHandler:
    def test_marks_the_message_done(self, noon: datetime) -> None:
        message_id = owe("x", noon)

        carry(message_id=message_id, what="x")

        assert HANDLED == ["x"]
        assert OutboxMessage.objects.get(id=message_id).done_at is not None
        assert owed().count == 0

    def test_postpones_without_counting_when_it_only_waits(self, noon: datetime) -> None:
        message_id = owe("later", noon)
        outbox.claim(at=noon)

        carry(message_id=message_id, what="later")

        message = OutboxMessage.objects.get(id=message_id)
        assert (message.attempts, message.last_error, message.done_at) == (0, "later", None)

    def test_keeps_the_code_of_an_error_and_never_its_text(self, noon: datetime) -> None:
        message_id = owe("down", noon)
        outbox.claim(at=noon)

        carry(message_id=message_id, what="down")

        message = OutboxMessage.objects.get(id=message_id)
        assert (message.attempts, message.last_error) == (1, "test-down")

    def test_counts_failures_and_not_how_often_it_was_sent(self, noon: datetime) -> None:
        message_id = owe("down", noon)
        for number in range(outbox.ATTEMPTS_MAX + 1):  # The workers are down; the relay is not.
            outbox.claim(at=noon + number * timedelta(seconds=outbox.VISIBILITY_S))

        carry(message_id=message_id, what="down")

        message = OutboxMessage.objects.get(id=message_id)
        assert (message.attempts, message.failed_at) == (1, None)

    def test_gives_up_in_the_end_and_is_seen(self, noon: datetime) -> None:
        message_id = owe("down", noon)
        OutboxMessage.objects.update(attempts=outbox.ATTEMPTS_MAX)

        carry(message_id=message_id, what="down")

        assert OutboxMessage.objects.get(id=message_id).failed_at is not None
        assert owed().failed == 1


@pytest.mark.django_db(transaction=True)
class TestEnqueueClocks:
    def test_owes_a_periodic_task_once_a_period(self, noon: datetime) -> None:
        for at in (noon, noon + SECOND, noon + timedelta(seconds=61)):
            outbox.enqueue_clocks(at=at)
        assert OutboxMessage.objects.count() == 1  # The first is still owed: never twice.

        message = OutboxMessage.objects.get()
        outbox.finish(message_id=message.id, at=noon + SECOND)
        outbox.enqueue_clocks(at=noon + timedelta(seconds=2))
        assert owed().count == 0
        outbox.enqueue_clocks(at=noon + timedelta(seconds=62))

        assert owed().count == 1
