"""The service's Celery application. Tasks are found in each room's `tasks` module."""

import os
import sys

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.settings")

app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "ledger.cameos",
        "ledger.consent",
        "ledger.outbox",
        "rights.settlement",
        "rights.takedowns",
        "provenance.renders",
        "provenance.reports",
    ]
)


@worker_init.connect
def demand_fitness(**_: object) -> None:
    """Refuse to start a worker in production with development stand-ins."""
    import django
    from django.core.exceptions import ImproperlyConfigured

    django.setup()
    from ledger.stack import checks  # Apps are ready only now.

    try:
        checks.demand_fitness()
    except ImproperlyConfigured as exc:  # Celery logs an exception of a receiver, and goes on.
        sys.exit(str(exc))
