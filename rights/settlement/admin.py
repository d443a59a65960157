"""Admin pages of money: read-only, the books are append-only."""

from __future__ import annotations

from django.contrib import admin

from ledger.http.admin import ReadOnlyAdmin
from rights.settlement.models import (
    PayeeAccount,
    PaymentAttempt,
    Payout,
    Posting,
    StripeEvent,
    Transfer,
)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    list_display = ("kind", "licence", "balance_transaction", "at")
    list_filter = ("kind",)
    list_per_page = 50
    ordering = ("-at",)
    search_fields = ("key", "balance_transaction", "licence__id")


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    list_display = ("transfer", "account_code", "currency", "layer", "amount_minor")
    list_filter = ("layer", "account__code", "account__currency")
    list_per_page = 50
    list_select_related = ("transfer", "account")
    ordering = ("-transfer__at", "id")

    @admin.display(description="account")
    def account_code(self, posting: Posting) -> str:
        return posting.account.code

    @admin.display(description="currency")
    def currency(self, posting: Posting) -> str:
        return posting.account.currency


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(ReadOnlyAdmin):
    list_display = ("kind", "state", "code", "calls", "licence", "created_at")
    list_filter = ("kind", "state")
    list_per_page = 50
    ordering = ("-created_at",)


@admin.register(Payout)
class PayoutAdmin(ReadOnlyAdmin):
    list_display = ("payee", "amount_minor", "currency", "state", "created_at")
    list_filter = ("state", "currency")
    list_per_page = 50
    list_select_related = ("payee",)
    ordering = ("-created_at",)


@admin.register(PayeeAccount)
class PayeeAccountAdmin(ReadOnlyAdmin):
    list_display = ("account", "state", "country", "state_at")
    list_filter = ("state", "country")
    list_per_page = 50
    list_select_related = ("account",)
    ordering = ("-created_at",)


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    list_display = ("type", "state", "received_at", "processed_at")
    list_filter = ("state", "type")
    list_per_page = 50
    ordering = ("-received_at",)
