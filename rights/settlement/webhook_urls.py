"""Addresses below `/webhooks/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from rights.settlement import webhook_pages

urlpatterns: list[URLPattern] = [path("stripe", webhook_pages.stripe, name="stripe-webhook")]
