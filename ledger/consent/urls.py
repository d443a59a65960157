"""Addresses of consent, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from ledger.consent import api, use_api

urlpatterns: list[URLPattern] = [
    path("accounts/<uuid:account_id>/follow", api.FollowView.as_view()),
    path("accounts/<uuid:account_id>/block", api.BlockView.as_view()),
    path("cameos/<uuid:cameo_id>/lockdown", api.LockdownView.as_view()),
    path("cameos/<uuid:cameo_id>/revocation", api.PersonRevocationView.as_view()),
    path("grants", api.GrantsView.as_view()),
    path("grants/<uuid:grant_id>/confirmation", api.GrantConfirmationView.as_view()),
    path("grants/<uuid:grant_id>/revocation", api.GrantRevocationView.as_view()),
    path("grants/<uuid:grant_id>/revocation-preview", api.GrantRevocationPreviewView.as_view()),
    path("uses", use_api.UsesView.as_view()),
    path("uses/<uuid:use_id>", use_api.UseView.as_view()),
    path("uses/<uuid:use_id>/explanation", use_api.ExplanationView.as_view()),
    path("uses/<uuid:use_id>/withdrawal", use_api.WithdrawalView.as_view()),
    path("uses/<uuid:use_id>/remix-lock", use_api.RemixLockView.as_view()),
    path("uses/<uuid:use_id>/approval", use_api.ApprovalView.as_view()),
]
