"""`/api/v1/licences`: what a use costs its buyer, and where the money stands."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts.models import Account
from rights.licences import queries
from rights.licences.models import Licence, LicenceLine


class LineOutput(serializers.ModelSerializer[LicenceLine]):
    class Meta:
        model = LicenceLine
        fields = ("cameo_id", "amount_minor", "fee_minor")
        read_only_fields = fields


class LicenceOutput(serializers.ModelSerializer[Licence]):
    """Amounts in minor units of `currency`. `fee_minor` is the platform's part of a line."""

    lines = serializers.SerializerMethodField()

    class Meta:
        model = Licence
        fields = (
            "id", "use_id", "state", "state_at", "purpose", "currency", "amount_minor", "fee_bps",
            "quote_expires_at", "capture_before", "lines", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(LineOutput(many=True))
    def get_lines(self, licence: Licence) -> list[dict[str, object]]:
        return list(LineOutput(queries.lines(licence.id), many=True).data)


class LicenceView(APIView):
    """`GET /v1/licences/{licence_id}`: one licence of the caller."""

    @extend_schema(
        summary="Show a licence that you buy",
        responses={200: LicenceOutput, 404: OpenApiResponse(description="`licence-not-found`")},
    )
    def get(self, request: Request, licence_id: UUID) -> Response:
        licence = queries.of_buyer(licence_id=licence_id, buyer_id=cast(Account, request.user).id)
        return Response(LicenceOutput(licence).data)
