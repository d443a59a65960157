"""Addresses of licences, below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from rights.licences import api

urlpatterns: list[URLPattern] = [path("licences/<uuid:licence_id>", api.LicenceView.as_view())]
