"""Addresses of takedowns, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from rights.takedowns import api

urlpatterns: list[URLPattern] = [
    path("takedowns", api.TakedownView.as_view()),
    path("takedowns/<uuid:case_id>", api.CaseView.as_view()),
    path("takedowns/<uuid:case_id>/cure", api.CureView.as_view()),
    path("takedowns/<uuid:case_id>/confirmation", api.ConfirmationView.as_view()),
]
