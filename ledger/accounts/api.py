"""`/api/v1/accounts` and `/api/v1/tokens`: signing up, signing in, and who somebody is."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts import actions as accounts
from ledger.accounts import queries, rules, tokens
from ledger.accounts.authentication import (
    AddressThrottle,
    EmailThrottle,
    PasswordAuthentication,
    caller,
)
from ledger.accounts.models import Account
from ledger.http.idempotency import IdempotentView


class AccountOutput(serializers.ModelSerializer[Account]):
    """An account as anybody may see it."""

    class Meta:
        model = Account
        fields: ClassVar[tuple[str, ...]] = ("id", "handle", "display_name")
        read_only_fields = fields


class OwnAccountOutput(AccountOutput):
    """An account as its owner sees it."""

    is_minor = serializers.SerializerMethodField()

    class Meta(AccountOutput.Meta):
        fields = (*AccountOutput.Meta.fields, "email", "born_on", "is_minor", "state", "created_at")
        read_only_fields = fields

    def get_is_minor(self, account: Account) -> bool:
        return account.is_minor(at=timezone.now())


class AccountsView(IdempotentView, APIView):
    """`POST /v1/accounts`: open an account."""

    permission_classes = (AllowAny,)
    idempotency_optional = True  # The e-mail is unique: a repeat opens no second account.

    class Input(serializers.Serializer[None]):
        email = serializers.CharField(max_length=rules.EMAIL_LENGTH_MAX)
        password = serializers.CharField(
            max_length=rules.PASSWORD_LENGTH_MAX, trim_whitespace=False, write_only=True
        )
        handle = serializers.CharField(max_length=30)
        display_name = serializers.CharField(
            max_length=rules.DISPLAY_NAME_LENGTH_MAX, default="", allow_blank=True
        )
        born_on = serializers.DateField()

    @extend_schema(
        summary="Open an account",
        request=Input,
        responses={
            201: OwnAccountOutput,
            409: OpenApiResponse(
                description="`account-email-taken`, `account-handle-taken`, `idempotency-key-in-use`"
            ),
            422: OpenApiResponse(
                description="`account-email-malformed`, `account-handle-malformed`, "
                "`account-display-name-malformed`, `account-birth-date-implausible`, "
                "`account-password-weak`"
            ),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        account = accounts.sign_up(at=timezone.now(), **body.validated_data)
        return Response(OwnAccountOutput(account).data, status=status.HTTP_201_CREATED)


class OwnAccountView(APIView):
    """`GET /v1/accounts/me`: the caller's own account."""

    @extend_schema(summary="See your own account", responses=OwnAccountOutput)
    def get(self, request: Request) -> Response:
        return Response(OwnAccountOutput(caller(request)).data)


class AccountView(APIView):
    """`GET /v1/accounts/{account_id}`: what anybody may know of an account."""

    @extend_schema(
        summary="See who somebody is",
        responses={200: AccountOutput, 404: OpenApiResponse(description="`account-not-found`")},
    )
    def get(self, request: Request, account_id: UUID) -> Response:
        return Response(AccountOutput(queries.find(account_id=account_id)).data)


class TokensView(APIView):
    """`POST /v1/tokens`: sign in with HTTP Basic, get a bearer token."""

    authentication_classes = (PasswordAuthentication,)
    throttle_classes = ()  # Asked below, before the password is looked at.

    class Output(serializers.Serializer[tokens.Issued]):
        token = serializers.CharField(help_text="Shown this once; only its hash is kept.")
        expires_at = serializers.DateTimeField()

    def perform_authentication(self, request: Request) -> None:
        """Count the attempt, whether or not the password turns out right, then look at it."""
        for throttle in (AddressThrottle(), EmailThrottle()):
            if not throttle.allow_request(request, self):
                self.throttled(request, throttle.wait() or 0)
        super().perform_authentication(request)

    @extend_schema(
        summary="Sign in",
        description="HTTP Basic with e-mail and password. Send the token as `Authorization: Bearer`.",
        request=None,
        responses={
            201: Output,
            401: OpenApiResponse(
                description="`not-authenticated`: unknown e-mail or wrong password"
            ),
            429: OpenApiResponse(description="`rate-limited`"),
        },
    )
    def post(self, request: Request) -> Response:
        issued = tokens.issue(account=caller(request), at=timezone.now())
        headers = {"Cache-Control": "no-store"}
        return Response(self.Output(issued).data, status=status.HTTP_201_CREATED, headers=headers)


class CurrentTokenView(APIView):
    """`DELETE /v1/tokens/current`: end the token of this request."""

    @extend_schema(summary="Sign out: end this token", request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        tokens.revoke(token=cast(Any, request.auth), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
