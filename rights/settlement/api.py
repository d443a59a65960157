"""`/api/v1/payees`, `/api/v1/licences/…/authorisation` and `/api/v1/books`."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts.models import Account
from ledger.http.idempotency import IdempotentView
from rights.licences.api import LicenceOutput
from rights.settlement import payees, payments, queries, stripe_gateway
from rights.settlement.models import PayeeAccount


class MayReadBooks(BasePermission):
    """Whoever may view postings: auditors."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.user.has_perm("rights.view_posting")


class OwnPayeeView(IdempotentView, APIView):
    """`POST /v1/payees/me`: open the caller's account for being paid, or look how it stands."""

    idempotency_secrets = ("onboarding_url",)  # It works once.

    class Input(serializers.Serializer[None]):
        country = serializers.RegexField(
            r"^[A-Z]{2}$", default="US", help_text="ISO 3166-1 alpha-2; the first one stands"
        )

    class Output(serializers.Serializer[payees.Onboarding]):
        account_id = serializers.UUIDField()
        state = serializers.ChoiceField(choices=PayeeAccount.State.choices)
        onboarding_url = serializers.URLField(
            allow_null=True, help_text="works once; null when nothing more is asked"
        )

    @extend_schema(
        summary="Become someone who can be paid",
        request=Input,
        responses={
            200: Output,
            422: OpenApiResponse(description="`payee-country-not-served`"),
            503: OpenApiResponse(description="`stripe-unavailable`"),
        },
    )
    def post(self, request: Request) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        onboarding = payees.onboard(
            account=cast(Account, request.user),
            country=body.validated_data["country"],
            return_url=settings.SERVICE_URL,
            stripe=stripe_gateway.from_settings(),
            at=timezone.now(),
        )
        return Response(self.Output(onboarding).data)


class AuthorisationView(IdempotentView, APIView):
    """`POST /v1/licences/{licence_id}/authorisation`: hold the licence's price at the buyer's bank."""

    class Input(serializers.Serializer[None]):
        payment_method = serializers.RegexField(
            r"^pm_[A-Za-z0-9_]{1,100}$", help_text="Stripe's token; never a card number"
        )

    @extend_schema(
        summary="Authorise the payment of a licence",
        request=Input,
        responses={
            200: LicenceOutput,
            402: OpenApiResponse(description="`card-declined`: the quote stands"),
            403: OpenApiResponse(description="`quote-expired`, `payment-method-refused`"),
            404: OpenApiResponse(description="`licence-not-found`"),
            409: OpenApiResponse(description="`licence-state`"),
            503: OpenApiResponse(
                description="`stripe-unavailable`, `licence-authorisation-in-progress`: ask again"
            ),
        },
    )
    def post(self, request: Request, licence_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        licence = payments.authorise(
            licence_id=licence_id,
            buyer_id=cast(Account, request.user).id,
            payment_method=body.validated_data["payment_method"],
            stripe=stripe_gateway.from_settings(),
            at=timezone.now(),
        )
        return Response(LicenceOutput(licence).data)


class BalanceOutput(serializers.Serializer[queries.Balance]):
    code = serializers.CharField()
    currency = serializers.CharField()
    posted_minor = serializers.IntegerField(help_text="minor units; debits are positive")
    pending_minor = serializers.IntegerField(help_text="held at banks, not moved")


class BalancesView(APIView):
    """`GET /v1/books/balances`: every balance, and whether the books balance."""

    permission_classes = (MayReadBooks,)

    class Input(serializers.Serializer[None]):
        owner = serializers.UUIDField(required=False, default=None)

    class Output(serializers.Serializer[queries.Books]):
        balanced = serializers.BooleanField(source="is_balanced")
        balances = BalanceOutput(many=True)

    @extend_schema(
        summary="Show the balances of the books",
        parameters=[OpenApiParameter("owner", str, description="only this person's accounts")],
        responses={200: Output, 403: OpenApiResponse(description="`not-permitted`")},
    )
    def get(self, request: Request) -> Response:
        query = self.Input(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(self.Output(queries.books(owner_id=query.validated_data["owner"])).data)
