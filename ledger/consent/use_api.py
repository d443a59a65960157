"""`/api/v1/uses`: what co-owners may see and do."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts.authentication import caller
from ledger.consent import explanations, listings, uses
from ledger.consent.errors import UseNotFound
from ledger.consent.models import Use
from ledger.consent.shapes import (
    LINEAGE_MOVED,
    REASON_LENGTH_MAX,
    USE_NOT_FOUND,
    ExplanationOutput,
    UseOutput,
)
from ledger.consent.withdrawals import Done
from ledger.http.idempotency import IdempotentView


@extend_schema(summary="List the uses that you co-own, newest first")
class UsesView(ListAPIView[Use]):
    """`GET /v1/uses`: asked for by you, or with your likeness."""

    serializer_class = UseOutput

    def get_queryset(self) -> QuerySet[Use]:
        return listings.uses_of(account_id=caller(self.request).id)


@extend_schema(summary="See a use that you co-own", responses={200: UseOutput, 404: USE_NOT_FOUND})
class UseView(RetrieveAPIView[Use]):
    """`GET /v1/uses/{use_id}`."""

    serializer_class = UseOutput

    def get_object(self) -> Use:
        found = listings.uses_of(account_id=caller(self.request).id)
        use = found.filter(id=self.kwargs["use_id"]).first()
        if use is None:
            raise UseNotFound(use_id=self.kwargs["use_id"])
        return use


class ExplanationView(APIView):
    """`GET /v1/uses/{use_id}/explanation`: the findings at each gate, as far as they are yours."""

    @extend_schema(
        summary="See why a use was decided as it was",
        description="Whose consent was missing, and why, is told to that person and to auditors "
        "alone; others learn `consent-denied`.",
        responses={200: ExplanationOutput, 404: USE_NOT_FOUND},
    )
    def get(self, request: Request, use_id: UUID) -> Response:
        explanation = explanations.explain(use_id=use_id, reader=caller(request))
        return Response(ExplanationOutput(explanation).data)


class WithdrawalView(IdempotentView, APIView):
    """`POST /v1/uses/{use_id}/withdrawal`: delete wins. Safe to repeat."""

    idempotency_optional = True

    class Input(serializers.Serializer[None]):
        reason = serializers.CharField(max_length=REASON_LENGTH_MAX, default="", allow_blank=True)

    class Output(serializers.Serializer[Done]):
        withdrawn = serializers.ListField(
            child=serializers.UUIDField(), help_text="it, and released remixes with your likeness"
        )
        cancelled = serializers.ListField(
            child=serializers.UUIDField(), help_text="work in flight that was ended at once"
        )
        is_complete = serializers.BooleanField(
            help_text="false: the rest of many remixes follows within minutes"
        )

    @extend_schema(
        summary="Withdraw a use, and every remix of it with your likeness",
        request=Input,
        responses={201: Output, 404: USE_NOT_FOUND, 409: LINEAGE_MOVED},
    )
    def post(self, request: Request, use_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        withdrawn = uses.withdraw(
            use_id=use_id, by=caller(request), at=timezone.now(), **body.validated_data
        )
        return Response(self.Output(withdrawn).data, status=status.HTTP_201_CREATED)


class RemixLockView(IdempotentView, APIView):
    """`POST|DELETE /v1/uses/{use_id}/remix-lock`."""

    idempotency_optional = True  # One lock a person: a repeat is refused.

    @extend_schema(
        summary="Lock a use, and all that descends from it, against remix",
        request=None,
        responses={
            204: None,
            404: USE_NOT_FOUND,
            409: OpenApiResponse(description="`remix-already-locked`, `lineage-moved`"),
        },
    )
    def post(self, request: Request, use_id: UUID) -> Response:
        uses.lock_remix(use_id=use_id, by=caller(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="End your own remix lock; safe to repeat",
        request=None,
        responses={204: None, 404: USE_NOT_FOUND},
    )
    def delete(self, request: Request, use_id: UUID) -> Response:
        uses.unlock_remix(use_id=use_id, by=caller(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ApprovalView(IdempotentView, APIView):
    """`POST /v1/uses/{use_id}/approval`: answer a draft with your likeness, once."""

    idempotency_optional = True  # One answer a cameo: a repeat is refused.

    class Input(serializers.Serializer[None]):
        approved = serializers.BooleanField()

    @extend_schema(
        summary="Approve or refuse a draft",
        request=Input,
        responses={
            204: None,
            404: USE_NOT_FOUND,
            409: OpenApiResponse(description="`nothing-to-approve`"),
        },
    )
    def post(self, request: Request, use_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        uses.approve(
            use_id=use_id,
            by=caller(request),
            is_approved=body.validated_data["approved"],
            at=timezone.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
