"""Addresses of notifications, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from ledger.notifications import api

urlpatterns: list[URLPattern] = [
    path("notifications", api.NotificationListView.as_view()),
    path("notifications/<uuid:notification_id>/read", api.NotificationReadView.as_view()),
]
