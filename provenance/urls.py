"""The provenance app's addresses below `/api/v1/`."""

from django.urls import include, path

urlpatterns = [
    path("", include(f"provenance.{room}.urls"))
    for room in ("seals", "renders", "lookup", "reports")
]
