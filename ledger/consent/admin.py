"""Admin pages of consent: what was granted, used and decided; standing and guardians of accounts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ledger.accounts.admin import AccountAdmin
from ledger.accounts.models import Account
from ledger.consent import relations
from ledger.consent.models import Decision, Grant, Hold, Revocation, Use
from ledger.http.admin import ReadOnlyAdmin, caller, chosen

SUSPEND = "ledger.suspend_account"


@admin.register(Account)
class StandingAdmin(AccountAdmin):
    """Accounts, with their standing. Here and not in `accounts`: standing is a fact of consent."""

    actions = ("suspend", "reinstate")

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(SUSPEND))

    @admin.action(description="Suspend: requests are denied from now on", permissions=["suspend"])
    def suspend(self, request: HttpRequest, rows: QuerySet[Account]) -> None:
        for account in chosen(rows):
            relations.suspend(
                account_id=account.id,
                by=caller(request),
                reason="suspended in the admin",
                at=timezone.now(),
            )
        self.message_user(request, "Suspended.", messages.SUCCESS)

    @admin.action(description="Reinstate", permissions=["suspend"])
    def reinstate(self, request: HttpRequest, rows: QuerySet[Account]) -> None:
        for account in chosen(rows):
            relations.reinstate(
                account_id=account.id,
                by=caller(request),
                reason="reinstated in the admin",
                at=timezone.now(),
            )
        self.message_user(request, "Reinstated.", messages.SUCCESS)


class RevocationInline(admin.TabularInline):  # type: ignore[type-arg]  # Not generic at run time.
    model = Revocation
    fields = ("act", "revoked_by", "effective_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("ledger.view_grant"))


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    list_display = ("id", "cameo_id", "grantor", "grantee", "purposes", "starts_at", "ends_at")
    list_select_related = ("grantor", "grantee")
    search_fields = ("=id", "=cameo__id", "grantor__handle", "grantee__handle")
    date_hierarchy = "created_at"
    inlines = (RevocationInline,)


@admin.register(Use)
class UseAdmin(ReadOnlyAdmin):
    list_display = ("id", "requester", "purpose", "seconds", "state", "state_at", "parent_id")
    list_filter = ("state", "purpose")
    list_select_related = ("requester",)
    search_fields = ("=id", "requester__handle")
    date_hierarchy = "created_at"
    exclude = ("texts",)  # What somebody wrote is not needed to see what was decided.


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("id", "use_id", "gate", "effect", "decided_at")
    list_filter = ("gate", "effect")
    search_fields = ("=id", "=use__id")
    date_hierarchy = "decided_at"


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("id", "ground", "cameo_id", "use_id", "case_id", "starts_at", "ends_at")
    list_filter = ("ground",)
    search_fields = ("=id", "=use__id", "=cameo__id", "=case_id")
