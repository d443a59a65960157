"""Admin pages of seals: to read, never to change."""

from __future__ import annotations

from django.contrib import admin

from ledger.http.admin import ReadOnlyAdmin
from provenance.seals.models import CertificateRecord, Seal


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    list_display = ("manifest_label", "use", "size_bytes", "timestamped_at", "created_at")
    search_fields = ("manifest_label__exact", "use__id__exact")
    list_select_related = ("use",)
    ordering = ("-created_at",)


@admin.register(CertificateRecord)
class CertificateRecordAdmin(ReadOnlyAdmin):
    list_display = ("serial", "starts_at", "ends_at", "created_at")
    ordering = ("-created_at",)
