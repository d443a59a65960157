"""`/worker/v1/`: what a worker may ask while it holds a permit (ADR 4).

The bearer is the permit itself. It opens the door of one attempt at one render, and of nothing else;
each call asks our own rows whether that attempt still lives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gpu_worker.contract import capture, redemption
from gpu_worker.contract.permit import PermitClaims
from ledger.consent import gates
from provenance.renders import attempts, files, permits
from provenance.renders.errors import (
    AttemptOver,
    LengthRequired,
    OutputIncomplete,
    OutputTooLarge,
    ParentNotNamed,
    PermitInvalid,
    ReceiptMissing,
)
from provenance.renders.models import Render
from provenance.renders.serving import AnyType

RECEIPT_HEADER = "Render-Receipt"
DRAIN_SIZE_BYTES_MAX = 64 * 1024 * 1024
SECONDS_LEFT_MAX = 86_400.0
OVER = OpenApiResponse(description="`cancelled`: stop, the attempt is over")
NO_PERMIT = OpenApiResponse(description="`permit-signature`: the bearer is no permit for this")


class WorkerView(APIView):
    """A view whose caller is the holder of a permit for the render in the address."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def claims(self, request: Request, render_id: UUID) -> PermitClaims:
        """Return what the bearer permits.

        Raises:
            PermitInvalid: no permit of ours, or one for another render.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise PermitInvalid
        claims = permits.read(token.strip())
        if claims.render_id != render_id:
            raise PermitInvalid
        return claims


class JwksView(APIView):
    """`GET /worker/v1/jwks`: the public keys that permits are signed with."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        summary="Permit keys as a JWK set (RFC 7517)",
        responses={200: OpenApiTypes.OBJECT},
        auth=[],
    )
    def get(self, request: Request) -> Response:
        return Response(permits.jwks(), headers={"Cache-Control": "public, max-age=60"})


class RedemptionView(WorkerView):
    """`POST /worker/v1/renders/{render_id}/redemption`: the one-job secrets, once."""

    @extend_schema(
        summary="Redeem a permit, once",
        request=None,
        responses={
            200: OpenApiTypes.OBJECT,
            401: NO_PERMIT,
            409: OpenApiResponse(description="`permit-redeemed`, `permit-expired`, `cancelled`"),
        },
        auth=[],
    )
    def post(self, request: Request, render_id: UUID) -> Response:
        claims = self.claims(request, render_id)
        secrets = attempts.redeem(claims=claims, at=timezone.now())
        return Response(redemption.to_plain(secrets), headers={"Cache-Control": "no-store"})


class CaptureView(WorkerView):
    """`GET /worker/v1/renders/{render_id}/captures/{cameo_ref}`: encrypted under its one-job key."""

    http_method_names = ("get",)
    content_negotiation_class = AnyType

    @extend_schema(
        summary="Fetch a capture, encrypted for this job",
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            401: NO_PERMIT,
            404: OpenApiResponse(description="`capture-not-found`"),
            409: OVER,
        },
        auth=[],
    )
    def get(self, request: Request, render_id: UUID, cameo_ref: UUID) -> HttpResponseBase:
        attempt = attempts.at_work(self.claims(request, render_id))
        with files.workplace(render_id) as place:
            path = place / "capture"
            key, bound_to = attempts.open_capture(
                attempt=attempt, cameo_ref=str(cameo_ref), target=path
            )
            clear = path.open("rb")  # Unlinked with its folder; read through this handle only.
        return StreamingHttpResponse(
            _encrypted(clear, key, bound_to), content_type="application/octet-stream"
        )


class ParentView(WorkerView):
    """`GET /worker/v1/renders/{render_id}/parent`: the released file that a remix opens."""

    http_method_names = ("get",)
    content_negotiation_class = AnyType

    @extend_schema(
        summary="Fetch the parent's released file",
        responses={
            (200, "video/mp4"): OpenApiTypes.BINARY,
            401: NO_PERMIT,
            404: OpenApiResponse(description="`parent-not-found`"),
            409: OVER,
            451: OpenApiResponse(description="`withdrawn`"),
        },
        auth=[],
    )
    def get(self, request: Request, render_id: UUID) -> HttpResponseBase:
        attempt = attempts.at_work(self.claims(request, render_id))
        parent_id = attempt.render.use.parent_id
        if parent_id is None or attempt.job["parent_sha256"] is None:
            raise ParentNotNamed(render_id=render_id)
        gates.show(use_id=parent_id)
        path = files.path_of(Render.objects.get(pk=parent_id).sealed_path)
        size_bytes = path.stat().st_size
        response = StreamingHttpResponse(
            files.read_range(path, first_byte=0, last_byte=size_bytes - 1),
            content_type="video/mp4",
        )
        response["Content-Length"] = str(size_bytes)
        return response


class BeatView(WorkerView):
    """`POST /worker/v1/renders/{render_id}/beats`: progress; the answer says whether to stop."""

    class Input(serializers.Serializer[None]):
        stage = serializers.CharField(max_length=40, allow_blank=True)
        fraction = serializers.FloatField(min_value=0, max_value=1)
        seconds_left = serializers.FloatField(
            min_value=0, max_value=SECONDS_LEFT_MAX, allow_null=True, default=None
        )

    class Output(serializers.Serializer[None]):
        cancel = serializers.BooleanField()

    @extend_schema(
        summary="Tell progress, and learn whether to stop",
        request=Input,
        responses={
            200: Output,
            401: NO_PERMIT,
            400: OpenApiResponse(description="`invalid-input`"),
        },
        auth=[],
    )
    def post(self, request: Request, render_id: UUID) -> Response:
        claims = self.claims(request, render_id)
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        cancel = attempts.beat(claims=claims, at=timezone.now(), **body.validated_data)
        return Response({"cancel": cancel})


class OutputView(WorkerView):
    """`PUT /worker/v1/renders/{render_id}/output`: the marked MP4, with the worker's receipt."""

    content_negotiation_class = AnyType

    @extend_schema(
        summary="Hand in the result",
        parameters=[OpenApiParameter(RECEIPT_HEADER, str, OpenApiParameter.HEADER, required=True)],
        request={"video/mp4": OpenApiTypes.BINARY},
        responses={
            201: None,
            401: NO_PERMIT,
            409: OVER,
            411: OpenApiResponse(description="`length-required`"),
            413: OpenApiResponse(description="`output-too-large`"),
            422: OpenApiResponse(
                description="`receipt-missing`, `receipt-invalid`, `receipt-mismatch`, "
                "`output-incomplete`"
            ),
        },
        auth=[],
    )
    def put(self, request: Request, render_id: UUID) -> Response:
        claims = self.claims(request, render_id)
        token = request.headers.get(RECEIPT_HEADER, "")
        if not token:
            raise ReceiptMissing
        size_bytes = _content_length(request)
        if not attempts.was_delivered(claims=claims, token=token):
            self._take(request, claims, token=token, size_bytes=size_bytes)
        else:
            _drain(request, size_bytes)
        return Response(status=status.HTTP_201_CREATED)

    def _take(self, request: Request, claims: PermitClaims, *, token: str, size_bytes: int) -> None:
        try:
            attempt = attempts.at_work(claims)
            receipt = permits.read_receipt(token)
        except Exception:
            _drain(request, size_bytes)
            raise
        name = files.output_name(render_id=claims.render_id, attempt_id=attempt.id)
        with files.workplace(claims.render_id) as place:
            path = place / "output"
            sha256 = _receive(request, path, size_bytes=size_bytes)
            attempts.check_receipt(receipt, attempt=attempt, sha256=sha256, size_bytes=size_bytes)
            files.put(path, name)
        try:
            attempts.accept_output(claims=claims, token=token, at=timezone.now())
        except AttemptOver:
            files.destroy(name)
            raise


class FailureView(WorkerView):
    """`POST /worker/v1/renders/{render_id}/failure`: the worker could not, and says why."""

    class Input(serializers.Serializer[None]):
        code = serializers.RegexField(r"^[a-z][a-z0-9-]{0,39}$")
        detail = serializers.CharField(
            max_length=500, allow_blank=True, default="", help_text="for people; not kept"
        )

    @extend_schema(
        summary="Give a job up",
        request=Input,
        responses={
            204: None,
            400: OpenApiResponse(description="`invalid-input`"),
            401: NO_PERMIT,
        },
        auth=[],
    )
    def post(self, request: Request, render_id: UUID) -> Response:
        claims = self.claims(request, render_id)
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        attempts.over(
            attempt_id=claims.attempt_id, code=body.validated_data["code"], at=timezone.now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


def _content_length(request: Request) -> int:
    """Return the announced size of the body.

    Raises:
        LengthRequired: none was announced.
        OutputTooLarge: more than `OUTPUT_SIZE_BYTES_MAX`.
    """
    text = request.META.get("CONTENT_LENGTH") or ""
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise LengthRequired
    if int(text) > settings.OUTPUT_SIZE_BYTES_MAX:
        raise OutputTooLarge(limit_bytes=settings.OUTPUT_SIZE_BYTES_MAX)
    return int(text)


def _receive(request: Request, path: Path, *, size_bytes: int) -> bytes:
    try:
        sha256 = files.receive(request._request, path, size_bytes=size_bytes)
    except UnreadablePostError as exc:
        raise OutputIncomplete(size_bytes=size_bytes) from exc
    if path.stat().st_size != size_bytes:
        raise OutputIncomplete(size_bytes=size_bytes)
    return sha256


def _drain(request: Request, size_bytes: int) -> None:
    """Read the body away, so that the caller is still listening when it is answered."""
    missing = min(size_bytes, DRAIN_SIZE_BYTES_MAX)
    with contextlib.suppress(UnreadablePostError):
        while missing and (chunk := request._request.read(min(files.CHUNK_SIZE_BYTES, missing))):
            missing -= len(chunk)


def _encrypted(clear: BinaryIO, key: bytes, bound_to: bytes) -> Iterator[bytes]:
    with clear:
        yield from capture.encrypt(clear, key, bound_to)
