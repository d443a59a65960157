"""The door for signed links, below `/media/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from provenance.renders import api

urlpatterns: list[URLPattern] = [
    path("<str:token>", api.LinkView.as_view()),
]
