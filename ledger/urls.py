"""All addresses: the API, the log, the worker's door, the media door, the admin, health."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from ledger.http import health

urlpatterns = [
    path("healthz", health.live),
    path("readyz", health.ready),
    path("admin/", admin.site.urls),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("ledger.api_urls")),
    path("api/v1/", include("rights.urls")),
    path("api/v1/", include("provenance.urls")),
    path("log/", include("ledger.log.public_urls")),
    path("worker/v1/", include("provenance.renders.worker_urls")),
    path("media/", include("provenance.renders.media_urls")),
    path("webhooks/", include("rights.settlement.webhook_urls")),
]

handler404 = "ledger.http.problems.not_found"
handler500 = "ledger.http.problems.server_error"
