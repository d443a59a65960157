"""Admin pages of the outbox: what is owed, and what was given up."""

from __future__ import annotations

from django.contrib import admin

from ledger.http.admin import ReadOnlyAdmin
from ledger.outbox.models import OutboxMessage


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Seen by operators. The payload holds ids alone, and is not shown."""

    list_display = ("topic", "attempts", "due_at", "done_at", "failed_at", "last_error")
    list_filter = (
        "topic",
        ("failed_at", admin.EmptyFieldListFilter),
        ("done_at", admin.EmptyFieldListFilter),
    )
    fields = ("id", *list_display, "created_at")
    ordering = ("-created_at",)
    date_hierarchy = "created_at"
