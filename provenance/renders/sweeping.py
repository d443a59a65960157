"""Nothing is lost: attempts whose worker went silent, renders that got stuck, files nobody is owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings

from ledger.db import use_case
from ledger.outbox import actions as outbox
from provenance.renders import actions, attempts, queries, rules

logger = structlog.get_logger(__name__)

BATCH = 100
STUCK = "stuck"


@dataclass(frozen=True)
class Swept:
    """How many attempts were ended, renders pushed on, and renders whose files were destroyed."""

    lost: int
    pushed: int
    tidied: int


def sweep(at: datetime) -> Swept:
    """Push on what stands still. Safe to repeat, and to run in several processes at once."""
    return Swept(lost=_end_lost(at), pushed=_push_stuck(at), tidied=_tidy(at))


def _end_lost(at: datetime) -> int:
    """End attempts that no worker is at any more; each is tried again or fails its render."""
    lost = queries.lost_attempts(at=at, beat_timeout_s=settings.RENDER_BEAT_TIMEOUT_S, limit=BATCH)
    for attempt in lost:
        attempts.over(attempt_id=attempt.id, code=attempts.LOST, at=at)
    return len(lost)


def _push_stuck(at: datetime) -> int:
    """Owe again what a render waits for and no message is owed for."""
    since = at - timedelta(seconds=settings.RENDER_STUCK_S)
    waiting = [
        render.pk
        for render in queries.stuck(states=rules.AT_WORK, since=since, limit=BATCH)
        if queries.living_attempt(render.pk) is None
    ]
    finishing = [
        render.pk
        for render in (
            *queries.stuck(states=[rules.State.SEALING], since=since, limit=BATCH),
            *queries.unsealed_drafts(since=since, limit=BATCH),
        )
    ]
    pushed = [_push(render_id, topic=actions.DISPATCH_TOPIC, at=at) for render_id in waiting]
    pushed += [_push(render_id, topic=attempts.FINISH_TOPIC, at=at) for render_id in finishing]
    return sum(pushed)


def _push(render_id: UUID, *, topic: str, at: datetime) -> bool:
    """Owe a message about a render; where one was given up, the render has failed."""
    owed, given_up = queries.owed_messages(topic=topic, render_id=render_id)
    if owed:
        return False
    if given_up:
        actions.give_up(render_id=render_id, code=STUCK, at=at)
        return True
    _owe(topic=topic, render_id=render_id, at=at)
    logger.warning("render.pushed", render_id=str(render_id), topic=topic)
    return True


@use_case
def _owe(*, topic: str, render_id: UUID, at: datetime) -> None:
    outbox.enqueue(topic=topic, payload={"use_id": str(render_id)}, at=at)


def _tidy(at: datetime) -> int:
    needless = queries.with_needless_files(limit=BATCH)
    for render_id in needless:
        actions.destroy_needless_files(render_id=render_id, at=at)
    return len(needless)
