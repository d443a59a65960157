"""Addresses of accounts, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from ledger.accounts import api

urlpatterns: list[URLPattern] = [
    path("accounts", api.AccountsView.as_view()),
    path("accounts/me", api.OwnAccountView.as_view()),
    path("accounts/<uuid:account_id>", api.AccountView.as_view()),
    path("tokens", api.TokensView.as_view()),
    path("tokens/current", api.CurrentTokenView.as_view()),
]
