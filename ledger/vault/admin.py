"""Admin pages of vault: which subjects have a key, never a key."""

from __future__ import annotations

from django.contrib import admin

from ledger.http.admin import ReadOnlyAdmin
from ledger.vault.models import SubjectKey


@admin.register(SubjectKey)
class SubjectKeyAdmin(ReadOnlyAdmin):
    """When a key was made, and when it was destroyed."""

    list_display = ("subject_id", "created_at", "destroyed_at")
    fields = ("subject_id", "created_at", "destroyed_at")
    search_fields = ("subject_id",)
    ordering = ("-created_at",)
