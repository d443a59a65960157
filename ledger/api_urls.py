"""The ledger's addresses below `/api/v1/`."""

from django.urls import include, path

urlpatterns = [
    path("", include(f"ledger.{room}.urls"))
    for room in ("accounts", "notifications", "cameos", "consent", "log")
]
