"""Entries, and a sequencer for tests that need them in the log."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ledger.log import actions as log
from ledger.log import identity, sequencer
from ledger.log.publishing import Cosigners
from ledger.log.sequencing import nothing

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def stage(count: int = 1, *, subject_id: UUID | None = None) -> list[UUID]:
    """Stage entries in one transaction, about nobody unless told."""
    with transaction.atomic():
        return [
            log.stage(
                type="test.happened",
                at=NOON,
                subject_id=subject_id,
                details={"number": number},
            )
            for number in range(count)
        ]


def subject() -> UUID:
    """Return a subject that nothing is known about yet."""
    return uuid.uuid4()


def manner(
    folder: Path | None = None,
    *,
    cosigners: Cosigners | None = None,
    quorum: int = 0,
    at_step: Callable[[str], None] = nothing,
) -> sequencer.Manner:
    """Return how a test's sequencer works: no witnesses, the settings' folder."""
    return sequencer.Manner(
        signer=identity.signer(),
        cosigners=cosigners or Cosigners([], deadline_s=1),
        folder=folder or settings.LOG_PUBLIC_DIR,
        quorum=quorum,
        period_s=0.01,
        now=lambda: datetime.now(tz=UTC),
        at_step=at_step,
    )


def sequence_all(how: sequencer.Manner | None = None) -> int:
    """Place and publish everything that is staged. Needs `django_db(transaction=True)`."""
    return sequencer.run(
        how or manner(), stopping=threading.Event(), once=True, ready=lambda size: None
    )
