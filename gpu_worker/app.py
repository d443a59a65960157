"""The Celery application: one task, one queue, one job at a time.

The pool is `threads` with one thread, and each job gets a process of its own (`processes`). That keeps
what `prefork -c1` is for (CUDA touched only after the fork, a crash that costs one job, memory given
back) and avoids what it costs here: kombu's pgmq transport wedges when an idle prefork child is killed,
and the pool's own time limits know nothing of a permit's end. Deadlines are checked by the work itself
and enforced by killing its process.

A message circles at most until its permit runs out: an old permit is refused and acknowledged, and a
redeemed one is refused by the service.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Reject
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gpu_worker import attempts, client, settings
from gpu_worker.attempts import Order
from gpu_worker.contract import keys
from gpu_worker.contract.errors import (
    ContractError,
    PermitKeyUnknown,
    ServiceUnreachable,
    WorkerStopped,
)
from gpu_worker.processes import Attempts, Outcome

logger = structlog.get_logger(__name__)

app = Celery("gpu_worker")
app.conf.update(
    task_default_queue=settings.QUEUE,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=1,
    worker_concurrency=1,
    worker_pool="threads",
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    accept_content=["json"],
)


class Worker:
    """What one worker process holds: settings, the service's public keys, and the running attempt."""

    @cached_property
    def settings(self) -> settings.Settings:
        """The settings, read on first use."""
        return settings.from_environment()

    @cached_property
    def attempts(self) -> Attempts:
        """The place where attempts run."""
        return Attempts(self.settings)

    def __init__(self) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}

    def verify(self, token: str, plain: dict[str, Any]) -> Order:
        """Return the order in a message; read the service's keys again, once, for an unknown one."""
        now = datetime.now(UTC)
        try:
            return attempts.verify(token, plain=plain, keys=self._keys, at=now)
        except PermitKeyUnknown:
            self._keys = self._read_keys()
            return attempts.verify(token, plain=plain, keys=self._keys, at=now)

    def carry_out(self, order: Order) -> Outcome:
        """Carry out one order, and tell the service when its process could not."""
        deadline_at = attempts.deadline(order, settings=self.settings, at=datetime.now(UTC))
        outcome = self.attempts.run(order, deadline_at=deadline_at)
        if outcome.error is not None and not outcome.is_told:
            attempts.report_failure(order, outcome.error, settings=self.settings)
        return outcome

    def _read_keys(self) -> dict[str, Ed25519PublicKey]:
        if self.settings.permit_keys_dir is not None:
            return keys.from_folder(self.settings.permit_keys_dir)
        return client.permit_keys(self.settings.service_url)


worker = Worker()


@app.task(name=settings.TASK, bind=True)
def render(
    self: Task, /, *, permit: str, job: dict[str, Any], service_url: str = "", **_later: object
) -> None:
    """Carry out one attempt. Delivered twice, it renders once.

    `service_url` is not followed: a message must not choose where a permit and captures go.
    """
    if worker.attempts.stopping:
        raise Reject(requeue=True)
    try:
        order = worker.verify(permit, job)
    except ServiceUnreachable as exc:
        raise self.retry(exc=exc, countdown=2, max_retries=30) from exc
    except ContractError as exc:
        logger.warning("worker.refused", code=exc.code)
        return
    outcome = worker.carry_out(order)
    render_id = str(order.job.render_id)
    if outcome.error is None:
        logger.info("worker.made", render_id=render_id, sha256=outcome.sha256)
    else:
        is_own = isinstance(outcome.error, WorkerStopped)
        logger.warning(
            "worker.ended", render_id=render_id, code=outcome.error.code, given_back=is_own
        )
