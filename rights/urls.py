"""The rights app's addresses below `/api/v1/`."""

from django.urls import include, path

urlpatterns = [
    path("", include(f"rights.{room}.urls"))
    for room in ("optouts", "estates", "licences", "settlement", "takedowns")
]
