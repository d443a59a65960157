"""`/api/v1/seals/…`: the roots under which our seals are trusted, for whoever checks one."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from ledger.log.api import WhateverIsAccepted
from provenance.seals import signers

PEM_TYPE = "application/x-pem-file"
RESPONSES = {
    (200, PEM_TYPE): OpenApiTypes.STR,
    503: OpenApiResponse(description="`seal-unavailable`: there are no certificates yet"),
}


class ClaimRootsView(APIView):
    """`GET /v1/seals/trust.pem`: the roots of whoever signs claims here. Public."""

    permission_classes = (AllowAny,)
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        summary="Get the roots that seals are trusted under", auth=[], responses=RESPONSES
    )
    def get(self, request: Request) -> HttpResponse:
        """Return certificates in PEM, old roots too."""
        return HttpResponse(signers.trust_from_settings().claim_pem, content_type=PEM_TYPE)


class TimeStampRootsView(APIView):
    """`GET /v1/seals/tsa.pem`: the roots of the time-stamp authorities. Public."""

    permission_classes = (AllowAny,)
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        summary="Get the roots that time-stamps are trusted under", auth=[], responses=RESPONSES
    )
    def get(self, request: Request) -> HttpResponse:
        """Return certificates in PEM, old roots too."""
        return HttpResponse(signers.trust_from_settings().time_stamp_pem, content_type=PEM_TYPE)
