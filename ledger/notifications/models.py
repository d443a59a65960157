"""What a person was told, in the app."""

from __future__ import annotations

import uuid

from django.db import models


class Notification(models.Model):
    """One thing that one account was told. `kind` is permanent: `render.released`, say."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("ledger.Account", models.CASCADE, related_name="notifications")
    kind = models.TextField()
    about_id = models.UUIDField()  # The use, grant or case it is about.
    details = models.JSONField(default=dict)
    read_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="notification_once", fields=("account", "kind", "about_id")
            ),
        )
