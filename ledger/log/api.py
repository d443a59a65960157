"""`/api/v1/log/entries/…`: proofs for everybody, records for those whom they are about."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.log import proofs, queries, records
from ledger.log.queries import EntryNotFound

NOT_FOUND = OpenApiResponse(description="`log-entry-not-found`")
NOT_YET = OpenApiResponse(description="`log-entry-not-yet-published`: try again after Retry-After")


class WhateverIsAccepted(BaseContentNegotiation):
    """A proof is text and a problem is JSON, whatever `Accept` says."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ProofView(APIView):
    """`GET /v1/log/entries/{entry_id}/proof`: the proof file of an entry. Public, like the entry."""

    permission_classes = (AllowAny,)
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        summary="Get the inclusion proof of a log entry (C2SP tlog-proof v1)",
        responses={
            (200, "text/plain"): OpenApiTypes.STR,
            404: NOT_FOUND,
            503: NOT_YET,
        },
    )
    def get(self, request: Request, entry_id: UUID) -> HttpResponse:
        """Return the file's text, under the newest published checkpoint."""
        return HttpResponse(
            proofs.tlog_proof(entry_id),
            content_type="text/plain; charset=utf-8",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": f'inline; filename="{entry_id}.tlog-proof"',
            },
        )


class RecordView(APIView):
    """`GET /v1/log/entries/{entry_id}/record`: what an entry commits to, for its subject."""

    permission_classes = (IsAuthenticated,)

    class Output(serializers.Serializer[dict[str, Any]]):
        entry_id = serializers.UUIDField()
        entry = serializers.CharField(help_text="The entry's canonical JSON; the leaf of the log.")
        record = serializers.JSONField(help_text="Rows as they were written, and the reasons.")
        record_text = serializers.CharField(help_text="The record's canonical JSON (RFC 8785).")
        salt = serializers.CharField(
            help_text="base64. HMAC-SHA-256(salt, record_text) is the entry's commitment."
        )
        proof = serializers.CharField(help_text="The proof file, as `/proof` gives it.")

    @extend_schema(
        summary="Get the record, salt and proof of a log entry that is about you",
        responses={
            200: Output,
            404: NOT_FOUND,
            410: OpenApiResponse(description="`vault-key-destroyed`: erased"),
            503: NOT_YET,
        },
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        """Return it to the entry's subject, or to an auditor; others are told that it is not there."""
        subject_id = queries.subject_of(entry_id)
        is_party = subject_id is not None and subject_id == request.user.pk
        if not is_party and not request.user.has_perm("ledger.view_record"):
            raise EntryNotFound(entry_id=entry_id)
        found = records.read(entry_id)
        body = {
            "entry_id": entry_id,
            "proof": proofs.tlog_proof(entry_id),
            "entry": queries.entry_data(entry_id).decode(),
            "record": json.loads(found.record),
            "record_text": found.record.decode(),
            "salt": base64.b64encode(found.salt).decode(),
        }
        return Response(self.Output(body).data, headers={"Cache-Control": "no-store"})
