"""Addresses of lookup, below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from provenance.lookup import api, resolution_api

urlpatterns = [
    path("lookup", api.LookupView.as_view(), name="lookup"),
    path("matches/byBinding", resolution_api.MatchesByBindingView.as_view()),
    path("matches/byContent", resolution_api.MatchesByContentView.as_view()),
    path("manifests/<str:manifest_label>", resolution_api.ManifestView.as_view()),
    path("services/supportedAlgorithms", resolution_api.SupportedAlgorithmsView.as_view()),
]
