"""Admin pages of renders: to read. Nothing about a render is changed by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from ledger.http.admin import ReadOnlyAdmin
from provenance.renders.models import Attempt, Delivery, Render


class AttemptInline(TabularInline):
    model = Attempt
    extra = 0
    can_delete = False
    fields = ("number", "created_at", "redeemed_at", "beat_at", "ended_at", "end_code")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Render)
class RenderAdmin(ReadOnlyAdmin):
    """Every render, its attempts and its end. Seen with `provenance.view_render`."""

    list_display = (
        "use_id",
        "state",
        "stage",
        "progress",
        "failure_code",
        "created_at",
        "state_at",
    )
    list_filter = ("state",)
    search_fields = ("use__id",)
    ordering = ("-created_at",)
    date_hierarchy = "created_at"
    inlines = (AttemptInline,)
    # The prompt is the requester's own words: an auditor reads it through a logged export.
    fields = (
        "use",
        "state",
        "stage",
        "progress",
        "seconds_left",
        "failure_code",
        "width_px",
        "height_px",
        "sealed_size_bytes",
        "created_at",
        "state_at",
    )


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What was handed out, to whom. Seen with `provenance.view_delivery`."""

    list_display = (
        "render",
        "account",
        "door",
        "is_draft",
        "first_byte",
        "last_byte",
        "created_at",
    )
    list_filter = ("door", "is_draft")
    search_fields = ("render__use__id",)
    ordering = ("-created_at",)
    fields = ("render", "account", "door", "is_draft", "first_byte", "last_byte", "created_at")
