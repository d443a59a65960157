"""The service's Celery application. Tasks are found in each room's `tasks` module."""

import os

from celery import Celery

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
