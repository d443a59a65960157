"""The call to the workers' queue. The service never waits for what becomes of it."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings
from kombu.exceptions import OperationalError

from ledger.celery import app
from ledger.db import forbid_open_transaction
from ledger.errors import Unavailable
from provenance.renders.attempts import Message

TASK = "gpu_worker.render"
QUEUE = "gpu"


class BrokerUnavailable(Unavailable):
    code = "broker-unavailable"
    title = "The workers' queue cannot be reached."


class Workers(Protocol):
    """Who renders."""

    def send(self, message: Message) -> None:
        """Hand over one permitted job. Raises `BrokerUnavailable`; sent twice it renders once."""


class CeleryWorkers:
    """Workers that take Celery tasks from the queue `gpu`."""

    def send(self, message: Message) -> None:
        """Send the task with the permit, the job and the service's address."""
        forbid_open_transaction()
        try:
            app.send_task(
                TASK,
                kwargs={
                    "permit": message.permit,
                    "job": message.job,
                    "service_url": settings.SERVICE_URL,
                },
                queue=QUEUE,
            )
        except (OperationalError, OSError) as exc:
            raise BrokerUnavailable from exc
