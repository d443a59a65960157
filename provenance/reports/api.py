"""`/api/v1/reports`: ask for a report, watch it, have its files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.files.storage import storages
from django.http import FileResponse, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts.authentication import caller
from ledger.http.idempotency import IdempotentView
from ledger.http.pagination import Cursor
from provenance.renders.serving import AnyType
from provenance.reports import actions as reports
from provenance.reports import queries
from provenance.reports.errors import ReportNotFound, ReportNotReady
from provenance.reports.models import Export


class ReportOutput(serializers.ModelSerializer[Export]):
    """How a report stands. Its files are there once `state` is `done`."""

    class Meta:
        model = Export
        fields = (
            "id", "kind", "about_id", "starts_at", "ends_at", "is_redacted", "state", "stage",
            "progress", "failure_code", "created_at", "state_at",
        )  # fmt: skip
        read_only_fields = fields


class ReportListView(IdempotentView, APIView):
    """`POST /v1/reports`: ask for one. `GET`: those that you asked for."""

    class Input(serializers.Serializer[None]):
        kind = serializers.ChoiceField(choices=Export.Kind.choices)
        about_id = serializers.UUIDField(allow_null=True, default=None)
        starts_at = serializers.DateTimeField(allow_null=True, default=None)
        ends_at = serializers.DateTimeField(allow_null=True, default=None)

    @extend_schema(summary="List your reports, newest first", responses=ReportOutput(many=True))
    def get(self, request: Request) -> Response:
        pages = Cursor()
        rows = (
            pages.paginate_queryset(queries.of_person(caller(request).id), request, view=self) or []
        )
        return pages.get_paginated_response(ReportOutput(rows, many=True).data)

    @extend_schema(
        summary="Ask for a report",
        request=Input,
        responses={
            202: ReportOutput,
            404: OpenApiResponse(description="`report-not-found`: not yours, or not there"),
            422: OpenApiResponse(description="`report-unusable`"),
            429: OpenApiResponse(description="`report-too-many`: some are not built yet"),
        },
    )
    def post(self, request: Request) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        fields: dict[str, Any] = body.validated_data
        export = reports.ask(by=caller(request), at=timezone.now(), **fields)
        return Response(ReportOutput(export).data, status=status.HTTP_202_ACCEPTED)


class ReportView(APIView):
    """`GET /v1/reports/{report_id}`: how far it is."""

    @extend_schema(
        summary="See how a report stands",
        responses={200: ReportOutput, 404: OpenApiResponse(description="`report-not-found`")},
    )
    def get(self, request: Request, report_id: UUID) -> Response:
        export = queries.mine(report_id=report_id, account_id=caller(request).id)
        return Response(ReportOutput(export).data)


class ReportFileView(APIView):
    """`GET /v1/reports/{report_id}/{name}`: one of its files."""

    content_negotiation_class = AnyType

    @extend_schema(
        operation_id="reports_file_retrieve",
        summary="Have a file of a report",
        description=f"`name` is one of {', '.join(reports.FILES)}.",
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            403: OpenApiResponse(description="`report-standing-lost`"),
            404: OpenApiResponse(description="`report-not-found`"),
            409: OpenApiResponse(description="`report-not-ready`"),
        },
    )
    def get(self, request: Request, report_id: UUID, name: str) -> HttpResponseBase:
        export = queries.mine(report_id=report_id, account_id=caller(request).id)
        if name not in reports.FILES:
            raise ReportNotFound(report_id=report_id)
        if export.state != Export.State.DONE:
            raise ReportNotReady(report_id=report_id, state=export.state)
        reports.demand_standing(export)
        return FileResponse(
            storages["default"].open(f"{export.folder}/{name}"),
            as_attachment=True,
            filename=name,
            content_type=reports.FILES[name],
            headers={"Cache-Control": "private, no-store"},
        )
