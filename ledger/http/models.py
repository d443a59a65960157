"""Rows of the HTTP edge: answers kept for repeated requests."""

from __future__ import annotations

import uuid

from django.db import models


class IdempotencyRecord(models.Model):
    """One `Idempotency-Key` of one caller: what it asked for, and the first answer.

    `status` is NULL while the first request is still being worked on. Kept for 24 hours.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    caller = models.TextField()  # Account id, or the address of an anonymous form.
    key = models.TextField()
    request_sha256 = models.BinaryField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="idempotency_key_is_used_once_per_caller", fields=("caller", "key")
            ),
        )
        indexes = (models.Index(fields=("created_at",), name="idempotency_by_age"),)
