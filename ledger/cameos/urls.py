"""Addresses of enrolment and cameos, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from ledger.cameos import api

urlpatterns: list[URLPattern] = [
    path("enrolments", api.EnrolmentsView.as_view()),
    path("enrolments/<uuid:enrolment_id>", api.EnrolmentView.as_view()),
    path("enrolments/<uuid:enrolment_id>/statement", api.EnrolmentStatementView.as_view()),
    path("enrolments/<uuid:enrolment_id>/capture", api.EnrolmentCaptureView.as_view()),
    path("cameos", api.CameosView.as_view()),
    path("cameos/mine", api.CameoMineView.as_view()),
    path("cameos/by-handle/<slug:handle>", api.CameoByHandleView.as_view()),
    path("cameos/<uuid:cameo_id>", api.CameoView.as_view()),
    path("cameos/<uuid:cameo_id>/audience", api.CameoAudienceView.as_view()),
    path("cameos/<uuid:cameo_id>/terms", api.CameoTermsView.as_view()),
    path("cameos/<uuid:cameo_id>/preferences", api.CameoPreferencesView.as_view()),
    path("cameos/<uuid:cameo_id>/retirement", api.CameoRetirementView.as_view()),
]
