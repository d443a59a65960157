"""Beats: tell the service how far a job is, and hear whether it is called off."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import structlog

from gpu_worker.client import Beat, Service
from gpu_worker.contract.errors import ContractError, ServiceUnreachable
from gpu_worker.stops import Stop

logger = structlog.get_logger(__name__)

FRACTION_KNOWN = 0.05  # Below it a guess at the time left is noise.
SECONDS_LEFT_MAX = 86_400.0


class Progress:
    """How far a job is. Written by the work, read by the beats."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stage, self._fraction, self._began = "starting", 0.0, time.monotonic()

    def step(self, stage: str, fraction: float) -> None:
        """Say what is done now, and which fraction of the whole job is behind. It never goes back."""
        with self._lock:
            self._stage = stage
            self._fraction = max(self._fraction, min(1.0, fraction))

    def beat(self) -> Beat:
        """Return it as a beat. The time left is what the fraction behind took, extrapolated."""
        with self._lock:
            stage, fraction = self._stage, self._fraction
        spent = time.monotonic() - self._began
        left = None
        if fraction >= FRACTION_KNOWN:
            left = min(spent * (1 - fraction) / fraction, SECONDS_LEFT_MAX)
        return Beat(stage, fraction, left)


class Beats:
    """A thread that beats every `period_s` while the block runs; the first beat comes at once.

    A beat that is not answered is not missed: the next one follows. A beat that is refused means that
    this attempt is over, and stops the work like a cancellation.
    """

    def __init__(
        self, service: Service, progress: Progress, *, stop: Stop, period_s: float
    ) -> None:
        self._service, self._progress, self._stop = service, progress, stop
        self._period_s, self._ended = period_s, threading.Event()
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._service.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                if self._service.beat(self._progress.beat()):
                    self._stop.cancel()
            except ServiceUnreachable:
                logger.warning("worker.beat_unanswered")
            except ContractError as exc:
                logger.warning("worker.beat_refused", code=exc.code)
                self._stop.cancel()
            self._ended.wait(self._period_s)
