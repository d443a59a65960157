"""One key for each subject, wrapped by the service's key; destroying it destroys what it locked."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class SubjectKey(models.Model):
    """A subject's 256-bit data key, wrapped. `wrapped` is NULL once the key was destroyed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject_id = models.UUIDField()  # An account's id; no foreign key: it outlives the account.
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    LOG_EXCLUDED = ("wrapped",)

    class Meta:
        constraints = (
            models.UniqueConstraint(name="subject_has_one_key", fields=("subject_id",)),
            models.CheckConstraint(
                name="destroyed_key_is_gone",
                condition=Q(destroyed_at__isnull=True) ^ Q(wrapped__isnull=True),
            ),
        )
