"""Addresses of seals, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from provenance.seals.api import ClaimRootsView, TimeStampRootsView

urlpatterns: list[URLPattern] = [
    path("seals/trust.pem", ClaimRootsView.as_view(), name="seal-claim-roots"),
    path("seals/tsa.pem", TimeStampRootsView.as_view(), name="seal-time-stamp-roots"),
]
