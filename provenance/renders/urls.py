"""Addresses of renders, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from provenance.renders import api

urlpatterns: list[URLPattern] = [
    path("renders", api.RenderListView.as_view()),
    path("renders/<uuid:render_id>", api.RenderView.as_view()),
    path("renders/<uuid:render_id>/cancellation", api.CancellationView.as_view()),
    path("renders/<uuid:render_id>/file", api.FileView.as_view()),
    path("renders/<uuid:render_id>/events", api.EventsView.as_view()),
]
