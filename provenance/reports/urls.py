"""Addresses of reports, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from provenance.reports import api

urlpatterns: list[URLPattern] = [
    path("reports", api.ReportListView.as_view()),
    path("reports/<uuid:report_id>", api.ReportView.as_view()),
    path("reports/<uuid:report_id>/<str:name>", api.ReportFileView.as_view()),
]
