"""The sequencer's loop: place, cosign, publish, wait. The process around it is `manage.py sequence`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from ledger.log import publishing, sequencing
from ledger.log.notes import Signer
from ledger.log.publishing import Cosigners
from ledger.log.sequencing import Sequencer, nothing

logger = structlog.get_logger(__name__)

POLL_S = 0.05


@dataclass(frozen=True)
class Manner:
    """How a sequencer works: where it publishes, whom it asks, how often."""

    signer: Signer
    cosigners: Cosigners
    folder: Path
    quorum: int
    period_s: float
    now: Callable[[], datetime]
    at_step: Callable[[str], None] = nothing


def run(
    manner: Manner, *, stopping: threading.Event, once: bool, ready: Callable[[int], None]
) -> int:
    """Place and publish until `stopping` is set, or nothing is staged. Returns the tree size.

    While there is work a batch begins every `period_s` seconds, or at once while a backlog fills
    batches; a backlog is published every `period_s`. Without work the poll is `POLL_S`.

    Raises:
        LogInconsistent: what is stored is not what was signed.
    """
    sequencer = Sequencer(manner.signer, at_step=manner.at_step)
    ready(sequencer.tree_size)
    published_s = 0.0
    while not stopping.is_set():
        started_s = time.monotonic()
        count = sequencer.integrate(at=manner.now())
        is_backlog = count == sequencing.BATCH_MAX
        if not is_backlog or time.monotonic() - published_s > manner.period_s:
            publish(manner)
            published_s = time.monotonic()
        if is_backlog:
            continue
        if once and count == 0:
            break
        left_s = manner.period_s - (time.monotonic() - started_s)
        stopping.wait(max(left_s, 0.0) if count else POLL_S)
    return sequencer.tree_size


def publish(manner: Manner) -> None:
    """Publish the newest checkpoint, unless it is."""
    size = publishing.release(
        folder=manner.folder,
        log=manner.signer.verifier,
        cosigners=manner.cosigners,
        quorum=manner.quorum,
        now=manner.now,
        at_step=manner.at_step,
    )
    if size is not None:
        logger.info("log.published", tree_size=size)
