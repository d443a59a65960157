"""What must happen after a commit, written in the transaction that decided it."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class OutboxMessage(models.Model):
    """One effect owed. Delivered at least once; its handler is idempotent by this id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    topic = models.TextField()
    payload = models.JSONField()
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)  # Gave up: logged, and left for people.
    last_error = models.TextField(blank=True)  # An error's code, never its text.
    created_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(
                fields=("due_at",),
                name="outbox_owed",
                condition=Q(done_at__isnull=True, failed_at__isnull=True),
            ),
        )
