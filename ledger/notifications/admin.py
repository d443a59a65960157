"""Admin pages of notifications: support sees what somebody was told, never more than its kind."""

from __future__ import annotations

from django.contrib import admin

from ledger.http.admin import ReadOnlyAdmin
from ledger.notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Kind and time; what it is about stays an id."""

    list_display = ("account", "kind", "created_at", "read_at")
    list_filter = ("kind",)
    search_fields = ("=account__handle",)
    list_select_related = ("account",)
    fields = ("id", "account", "kind", "about_id", "created_at", "read_at")
    date_hierarchy = "created_at"
