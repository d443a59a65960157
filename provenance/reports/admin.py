"""Reports in the admin: each person sees their own; auditors ask for them over the API or here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ledger.http.admin import ReadOnlyAdmin, caller
from provenance.reports.models import Export


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """What was exported, by whom, about what."""

    list_display = ("kind", "state", "requested_by", "created_at")
    list_filter = ("kind", "state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        rows: QuerySet[Export] = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(requested_by=caller(request))
