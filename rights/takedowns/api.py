"""`/api/v1/takedowns`: a notice can be given without an account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.http.idempotency import IdempotentView
from rights.takedowns import actions as takedowns
from rights.takedowns import queries
from rights.takedowns.models import REGIMES, TakedownCase
from rights.takedowns.rules import Regime


class CaseOutput(serializers.ModelSerializer[TakedownCase]):
    """What whoever gave the notice may see. `decide_due_at` is the clock that runs."""

    decision_facts = serializers.CharField(
        source="statement_of_reasons.decision_facts", default=None, allow_null=True
    )

    class Meta:
        model = TakedownCase
        fields = (
            "id", "reference", "regime", "state", "state_at", "received_at", "hold_due_at",
            "decide_due_at", "missing", "decision_facts",
        )  # fmt: skip
        read_only_fields = fields


class NoticeInput(serializers.Serializer[None]):
    """What a notice may say; which of it is needed depends on the regime."""

    contact_name = serializers.CharField(max_length=200, default="", allow_blank=True)
    contact_email = serializers.EmailField(default="", allow_blank=True)
    statement = serializers.CharField(max_length=5000, default="", allow_blank=True)
    signature = serializers.CharField(max_length=200, default="", allow_blank=True)
    good_faith = serializers.BooleanField(default=False)
    accuracy = serializers.BooleanField(default=False)
    no_consent = serializers.BooleanField(default=False)


class TakedownView(IdempotentView, APIView):
    """`POST /v1/takedowns`: give a notice."""

    permission_classes = (AllowAny,)
    idempotency_secrets = ("secret",)

    class Input(NoticeInput):
        regime = serializers.ChoiceField(choices=REGIMES)
        target = serializers.CharField(
            max_length=2000, help_text="The render's id, or an address that contains it."
        )
        country = serializers.RegexField(r"^[A-Z]{2}$", default="US", help_text="ISO 3166-1")
        estate_id = serializers.UUIDField(required=False, allow_null=True, default=None)

    class Output(CaseOutput):
        secret = serializers.CharField(
            help_text="Shown this once: it opens the case without an account."
        )

        class Meta(CaseOutput.Meta):
            fields = (*CaseOutput.Meta.fields, "secret")  # type: ignore[assignment]  # One longer.
            read_only_fields = fields  # type: ignore[assignment]  # As above.

    @extend_schema(
        summary="Give a takedown notice, with or without an account",
        request=Input,
        responses={
            201: Output,
            403: OpenApiResponse(description="`estate-has-no-standing`"),
            422: OpenApiResponse(description="`takedown-target-not-found`"),
        },
    )
    def post(self, request: Request) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        notice: dict[str, Any] = dict(body.validated_data)
        submitted = takedowns.submit(
            regime=Regime(notice.pop("regime")),
            target=notice.pop("target"),
            country=notice.pop("country"),
            estate_id=notice.pop("estate_id"),
            notice=notice,
            by=request.user if request.user.is_authenticated else None,
            at=timezone.now(),
        )
        answer = CaseOutput(submitted.case).data | {"secret": submitted.secret}
        return Response(answer, status=status.HTTP_201_CREATED)


class CaseView(APIView):
    """`GET /v1/takedowns/{case_id}?secret=`: where a case stands."""

    permission_classes = (AllowAny,)

    @extend_schema(
        summary="See where a case stands",
        parameters=[OpenApiParameter("secret", str, required=True)],
        responses={200: CaseOutput, 404: OpenApiResponse(description="`takedown-not-found`")},
    )
    def get(self, request: Request, case_id: UUID) -> Response:
        case = queries.case_for(case_id=case_id, secret=request.query_params.get("secret", ""))
        return Response(CaseOutput(case).data)


class CureView(APIView):
    """`POST /v1/takedowns/{case_id}/cure`: what the notice lacked."""

    permission_classes = (AllowAny,)

    class Input(NoticeInput):
        secret = serializers.CharField(max_length=100)

    @extend_schema(
        summary="Add to a notice what it lacked",
        request=Input,
        responses={
            200: CaseOutput,
            404: OpenApiResponse(description="`takedown-not-found`"),
            409: OpenApiResponse(description="`takedown-nothing-to-cure`"),
        },
    )
    def post(self, request: Request, case_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(body.validated_data)
        case = takedowns.cure(
            case_id=case_id, secret=given.pop("secret"), given=given, at=timezone.now()
        )
        return Response(CaseOutput(case).data)


class ConfirmationView(APIView):
    """`POST /v1/takedowns/{case_id}/confirmation`: the code that was mailed."""

    permission_classes = (AllowAny,)

    class Input(serializers.Serializer[None]):
        token = serializers.CharField(max_length=100)

    @extend_schema(
        summary="Confirm the e-mail address of a notice",
        request=Input,
        responses={
            204: None,
            422: OpenApiResponse(
                description="`takedown-confirmation-wrong`: also where there is no such case"
            ),
        },
    )
    def post(self, request: Request, case_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        takedowns.confirm(case_id=case_id, token=body.validated_data["token"], at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
