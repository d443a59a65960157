"""Admin pages of accounts."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from knox.models import AuthToken

from ledger.accounts.models import Guardianship
from ledger.http.admin import ReadOnlyAdmin

# Roles come from `roles.py` with each release, and tokens from signing in: neither is edited by hand.
admin.site.unregister(Group)
admin.site.unregister(AuthToken)


class AccountAdmin(ReadOnlyAdmin):
    """Accounts as their staff sees them. Registered by `consent`, which adds what changes standing."""

    list_display = ("handle", "display_name", "state", "is_staff", "created_at")
    list_filter = ("state", "is_staff")
    search_fields = ("=id", "handle", "email")
    fields = (
        "id", "handle", "display_name", "email", "born_on", "state", "is_staff", "is_active",
        "groups", "created_at", "last_login",
    )  # fmt: skip
    readonly_fields = fields
    date_hierarchy = "created_at"


@admin.register(Guardianship)
class GuardianshipAdmin(ReadOnlyAdmin):
    list_display = ("guardian", "minor", "starts_at", "ends_at")
    list_select_related = ("guardian", "minor")
    search_fields = ("guardian__handle", "minor__handle")
