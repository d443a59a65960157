"""Addresses of settlement, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from rights.settlement import api

urlpatterns: list[URLPattern] = [
    path("payees/me", api.OwnPayeeView.as_view()),
    path("licences/<uuid:licence_id>/authorisation", api.AuthorisationView.as_view()),
    path("books/balances", api.BalancesView.as_view()),
]
