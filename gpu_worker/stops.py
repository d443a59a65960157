"""Why and when a job stops before its end: called off, given back, or out of time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from gpu_worker.contract.errors import Cancelled, ContractError, DeadlinePassed, WorkerStopped


class Stop:
    """One job's stop. Any thread or signal handler may ask; the work looks often."""

    def __init__(self, *, deadline_at: datetime) -> None:
        self.deadline_at = deadline_at
        self._cancelled = threading.Event()
        self._stopped = threading.Event()

    def cancel(self) -> None:
        """Say that the service called the job off."""
        self._cancelled.set()

    def stop(self) -> None:
        """Say that the worker is to stop."""
        self._stopped.set()

    def wanted(self) -> bool:
        """Return whether the work is to stop now."""
        return self.reason() is not None

    def reason(self) -> ContractError | None:
        """Return why to stop, or None."""
        if self._cancelled.is_set():
            return Cancelled()
        if self._stopped.is_set():
            return WorkerStopped()
        if datetime.now(UTC) >= self.deadline_at:
            return DeadlinePassed(deadline_at=self.deadline_at.isoformat())
        return None

    def check(self) -> None:
        """Return if the work may go on; raise the reason if not."""
        reason = self.reason()
        if reason is not None:
            raise reason
