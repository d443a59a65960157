"""Addresses outside `/api/v1/`; see `ledger/urls.py` for where they hang."""

from __future__ import annotations

from django.urls import path

from ledger.log import pages

urlpatterns = [
    path("checkpoint", pages.checkpoint),
    path("vkey", pages.vkey),
    path("tile/<path:path>", pages.tile),
]
