"""Admin pages of licences: read-only, each change goes through the API and is logged."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import TabularInline

from ledger.http.admin import ReadOnlyAdmin
from rights.licences.models import Licence, LicenceLine


class LicenceLineInline(TabularInline):
    model = LicenceLine
    extra = 0
    can_delete = False
    fields = ("cameo", "payee", "amount_minor", "fee_minor")
    readonly_fields = fields


@admin.register(Licence)
class LicenceAdmin(ReadOnlyAdmin):
    list_display = ("id", "state", "purpose", "amount_minor", "currency", "created_at")
    list_filter = ("state", "currency")
    list_per_page = 50
    ordering = ("-created_at",)
    search_fields = ("id", "use__id", "payment_intent")
    inlines = (LicenceLineInline,)
