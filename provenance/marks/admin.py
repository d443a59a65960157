"""Admin pages of marks: read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from ledger.http.admin import ReadOnlyAdmin
from provenance.marks.models import Fingerprint, MarkIndex


@admin.register(MarkIndex)
class MarkIndexAdmin(ReadOnlyAdmin):
    """Which mark is whose."""

    list_display = ("use_id", "id_shown", "key_version", "created_at")
    search_fields = ("use__id",)
    ordering = ("-created_at",)

    @admin.display(description="mark id")
    def id_shown(self, row: MarkIndex) -> str:
        return str(row)


@admin.register(Fingerprint)
class FingerprintAdmin(ReadOnlyAdmin):
    """Which fingerprint is whose."""

    list_display: Any = ("use_id", "code", "created_at")
    search_fields = ("use__id", "code")
    ordering = ("-created_at",)
