"""The worker's door, below `/worker/v1/` (ADR 4)."""

from __future__ import annotations

from django.urls import URLPattern, path

from provenance.renders import worker_api

urlpatterns: list[URLPattern] = [
    path("jwks", worker_api.JwksView.as_view()),
    path("renders/<uuid:render_id>/redemption", worker_api.RedemptionView.as_view()),
    path("renders/<uuid:render_id>/captures/<uuid:cameo_ref>", worker_api.CaptureView.as_view()),
    path("renders/<uuid:render_id>/parent", worker_api.ParentView.as_view()),
    path("renders/<uuid:render_id>/beats", worker_api.BeatView.as_view()),
    path("renders/<uuid:render_id>/output", worker_api.OutputView.as_view()),
    path("renders/<uuid:render_id>/failure", worker_api.FailureView.as_view()),
]
