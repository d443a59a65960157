"""Run the log's sequencer."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from ledger.log import identity, sequencer, sequencing
from ledger.log.gateway import HttpWitness
from ledger.log.publishing import Cosigners
from ledger.log.sequencing import LogInconsistent
from ledger.vault import keys

logger = structlog.get_logger(__name__)

TURN_POLL_S = 0.5


class Command(BaseCommand):
    help = (
        "Give staged entries their places in the log, sign and publish checkpoints, until stopped. "
        "One works, others wait. Exit status 2: the log is not what was signed; see the runbook."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when nothing is staged")

    def handle(self, *, once: bool, **_options: Any) -> None:
        """Wait for the turn, then run until stopped."""
        self._stopping = threading.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
        cosigners = Cosigners(
            [HttpWitness(url, key) for url, key in identity.witnesses().items()],
            deadline_s=settings.LOG_WITNESS_DEADLINE_S,
        )
        try:
            with sequencing.sole_sequencer(wait=self._wait_for_turn) as is_ours:
                if is_ours:
                    self._run(cosigners, once=once)
        except LogInconsistent as exc:
            logger.critical("log.inconsistent", detail=str(exc))
            raise CommandError(f"the log is not what was signed: {exc}", returncode=2) from exc
        finally:
            cosigners.close()

    def _run(self, cosigners: Cosigners, *, once: bool) -> None:
        with transaction.atomic():  # Its first use in a long transaction would make others wait.
            keys.ensure(keys.SERVICE, timezone.now())
        size = sequencer.run(
            sequencer.Manner(
                signer=identity.signer(),
                cosigners=cosigners,
                folder=settings.LOG_PUBLIC_DIR,
                quorum=settings.LOG_WITNESS_QUORUM,
                period_s=settings.LOG_SEQUENCER_PERIOD_S,
                now=timezone.now,
            ),
            stopping=self._stopping,
            once=once,
            ready=self._ready,
        )
        self.stdout.write(f"sequencer: stopped at {size} entries")

    def _ready(self, size: int) -> None:
        self.stdout.write(f"sequencer: ready at {size} entries")
        self.stdout.flush()

    def _wait_for_turn(self) -> bool:
        return not self._stopping.wait(TURN_POLL_S)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()
