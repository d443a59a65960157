"""Addresses of log, below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from ledger.log import api

urlpatterns = [
    path("log/entries/<uuid:entry_id>/proof", api.ProofView.as_view()),
    path("log/entries/<uuid:entry_id>/record", api.RecordView.as_view()),
]
