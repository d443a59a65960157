"""Addresses outside `/api/v1/`; see `ledger/urls.py` for where they hang."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
