"""`/api/v1/lookup`: anybody sends a file, and learns whose it is and whether consent still holds."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from provenance.lookup import identifications, uploads
from provenance.lookup.shapes import IdentificationOutput, plain

PROBLEMS = {
    400: OpenApiResponse(description="`lookup-file-missing`, `lookup-file-incomplete`"),
    413: OpenApiResponse(description="`lookup-file-too-large`"),
    415: OpenApiResponse(description="`lookup-file-unknown`"),
    422: OpenApiResponse(description="`video-too-large`"),
    429: OpenApiResponse(description="`rate-limited`"),
    503: OpenApiResponse(description="`lookup-busy`, `video-decoder-timed-out`"),
}


class LookupView(APIView):
    """`POST /v1/lookup`: the file is the raw body. Nothing of it is kept."""

    permission_classes = (AllowAny,)
    authentication_classes = ()
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "lookup"

    @extend_schema(
        summary="Find out whose a video is, by its bytes, manifest, mark and looks",
        auth=[],
        request={
            "video/mp4": OpenApiTypes.BINARY,
            "video/webm": OpenApiTypes.BINARY,
            "application/octet-stream": OpenApiTypes.BINARY,
        },
        responses={200: IdentificationOutput, **PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        """Receive, identify, answer; the file is deleted whatever happens."""
        limit = settings.LOOKUP_SIZE_BYTES_MAX
        with uploads.received(request._request, size_bytes_max=limit) as path:
            found = identifications.identify(path, at=timezone.now())
        return Response(plain(found))
