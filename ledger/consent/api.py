"""`/api/v1/grants`, `/api/v1/cameos/{id}/lockdown` and relations: permitting, and taking it back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts.authentication import caller
from ledger.cameos.models import Purpose
from ledger.consent import grants, listings, previews, relations
from ledger.consent.models import Grant
from ledger.consent.shapes import (
    ACTS,
    GRANT_NOT_FOUND,
    LINEAGE_MOVED,
    ActInput,
    GrantOutput,
    RevokedOutput,
)
from ledger.http.idempotency import IdempotentView

ACCOUNT_NOT_FOUND = OpenApiResponse(description="`account-not-found`")
OWN_ACCOUNT = OpenApiResponse(description="`relation-unusable`: your own account")


class GrantsView(IdempotentView, GenericAPIView[Grant]):
    """`POST /v1/grants`: permit somebody. `GET /v1/grants`: those you gave or hold."""

    serializer_class = GrantOutput

    class Input(serializers.Serializer[None]):
        cameo_id = serializers.UUIDField()
        grantee_id = serializers.UUIDField()
        purposes = serializers.ListField(
            child=serializers.ChoiceField(choices=Purpose.choices),
            min_length=1,
            max_length=len(Purpose),
            default=lambda: [Purpose.PERSONAL.value],
        )
        remix_allowed = serializers.BooleanField(default=False)
        renders_max = serializers.IntegerField(
            min_value=1, max_value=grants.RENDERS_MAX, allow_null=True, default=None
        )
        renders_per_day_max = serializers.IntegerField(
            min_value=1, max_value=grants.RENDERS_MAX, allow_null=True, default=None
        )
        seconds_max = serializers.IntegerField(
            min_value=1, max_value=grants.CLIP_SECONDS_MAX, allow_null=True, default=None
        )
        territories = serializers.ListField(
            child=serializers.RegexField(r"^[A-Z]{2}\Z"),
            max_length=grants.TERRITORIES_MAX,
            default=list,
            help_text="ISO 3166-1 alpha-2; empty is everywhere that the terms allow",
        )
        ends_at = serializers.DateTimeField(
            allow_null=True, default=None, help_text="excluded; null is until revoked"
        )

    def get_queryset(self) -> QuerySet[Grant]:
        return listings.grants_of(account_id=caller(self.request).id)

    @extend_schema(
        summary="List the grants that you gave or hold, newest first",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(GrantOutput(rows, many=True).data)

    @extend_schema(
        summary="Permit somebody to use your cameo",
        request=Input,
        responses={
            201: GrantOutput,
            404: GRANT_NOT_FOUND,
            422: OpenApiResponse(
                description="`grant-unusable`: outside the cameo's terms, ended, or to its owner"
            ),
        },
    )
    def post(self, request: Request) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        fields = dict(body.validated_data)
        grant = grants.give(
            cameo_id=fields.pop("cameo_id"),
            grantee_id=fields.pop("grantee_id"),
            terms=grants.GrantTerms(
                **fields
                | {
                    "purposes": tuple(fields["purposes"]),
                    "territories": tuple(fields["territories"]),
                }
            ),
            by=caller(request),
            at=timezone.now(),
        )
        shown = self.get_queryset().get(id=grant.id)
        return Response(GrantOutput(shown).data, status=status.HTTP_201_CREATED)


class GrantConfirmationView(APIView):
    """`POST /v1/grants/{grant_id}/confirmation`: the second yes to a minor's grant."""

    @extend_schema(
        summary="Confirm a minor's grant: the minor and a guardian must both give it",
        request=None,
        responses={
            204: None,
            404: GRANT_NOT_FOUND,
            409: OpenApiResponse(description="`grant-already-confirmed`"),
        },
    )
    def post(self, request: Request, grant_id: UUID) -> Response:
        grants.confirm(grant_id=grant_id, by=caller(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class GrantRevocationView(IdempotentView, APIView):
    """`POST /v1/grants/{grant_id}/revocation`: take a grant back."""

    idempotency_optional = True  # The first revocation stands: a repeat does no harm.

    @extend_schema(
        summary="Take a grant back: stop, freeze or remove",
        request=ActInput,
        responses={
            201: RevokedOutput,
            404: GRANT_NOT_FOUND,
            409: OpenApiResponse(description="`grant-already-revoked`, `lineage-moved`"),
        },
    )
    def post(self, request: Request, grant_id: UUID) -> Response:
        body = ActInput(data=request.data)
        body.is_valid(raise_exception=True)
        revoked = grants.revoke(
            grant_id=grant_id, by=caller(request), at=timezone.now(), **body.validated_data
        )
        return Response(RevokedOutput(revoked).data, status=status.HTTP_201_CREATED)


class GrantRevocationPreviewView(APIView):
    """`GET /v1/grants/{grant_id}/revocation-preview`: what an act would touch."""

    class Input(serializers.Serializer[None]):
        act = serializers.ChoiceField(choices=ACTS, default="stop")

    class Output(serializers.Serializer[previews.Preview]):
        act = serializers.CharField()
        open = serializers.IntegerField(help_text="work in flight that would be cancelled")
        released = serializers.IntegerField(
            help_text="released uses that would be frozen (freeze) or withdrawn (remove)"
        )
        descendants = serializers.IntegerField(
            help_text="further released uses made from these that would go with them"
        )
        licences = serializers.IntegerField(help_text="of all these, how many are licensed")
        is_complete = serializers.BooleanField(help_text="false: it is at least so many")

    @extend_schema(
        summary="See what taking a grant back would touch",
        parameters=[OpenApiParameter("act", str, enum=[act for act, _ in ACTS])],
        responses={200: Output, 404: GRANT_NOT_FOUND},
    )
    def get(self, request: Request, grant_id: UUID) -> Response:
        asked = self.Input(data=request.query_params)
        asked.is_valid(raise_exception=True)
        preview = previews.of_revocation(
            grant_id=grant_id, by=caller(request), at=timezone.now(), **asked.validated_data
        )
        return Response(self.Output(preview).data)


class PersonRevocationView(IdempotentView, APIView):
    """`POST /v1/cameos/{cameo_id}/revocation`: take every grant to one person back."""

    idempotency_optional = True  # It is safe to repeat.

    class Input(ActInput):
        grantee_id = serializers.UUIDField()

    @extend_schema(
        summary="Take back everything that one person was granted",
        request=Input,
        responses={201: RevokedOutput, 404: GRANT_NOT_FOUND, 409: LINEAGE_MOVED},
    )
    def post(self, request: Request, cameo_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        revoked = grants.revoke_person(
            cameo_id=cameo_id, by=caller(request), at=timezone.now(), **body.validated_data
        )
        return Response(RevokedOutput(revoked).data, status=status.HTTP_201_CREATED)


class LockdownView(IdempotentView, APIView):
    """`POST /v1/cameos/{cameo_id}/lockdown`: the panic button."""

    idempotency_optional = True  # It is safe to repeat.

    @extend_schema(
        summary="Close your cameo to everybody: audience `self`, every grant taken back",
        request=ActInput,
        responses={201: RevokedOutput, 404: GRANT_NOT_FOUND, 409: LINEAGE_MOVED},
    )
    def post(self, request: Request, cameo_id: UUID) -> Response:
        body = ActInput(data=request.data)
        body.is_valid(raise_exception=True)
        revoked = grants.lockdown(
            cameo_id=cameo_id, by=caller(request), at=timezone.now(), **body.validated_data
        )
        return Response(RevokedOutput(revoked).data, status=status.HTTP_201_CREATED)


RELATION_RESPONSES: dict[Any, Any] = {204: None, 404: ACCOUNT_NOT_FOUND, 422: OWN_ACCOUNT}


class FollowView(APIView):
    """`PUT|DELETE /v1/accounts/{account_id}/follow`. Safe to repeat."""

    @extend_schema(summary="Follow somebody", request=None, responses=RELATION_RESPONSES)
    def put(self, request: Request, account_id: UUID) -> Response:
        relations.follow(by=caller(request), account_id=account_id, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Stop following somebody", request=None, responses=RELATION_RESPONSES)
    def delete(self, request: Request, account_id: UUID) -> Response:
        relations.unfollow(by=caller(request), account_id=account_id, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class BlockView(APIView):
    """`PUT|DELETE /v1/accounts/{account_id}/block`. Safe to repeat."""

    @extend_schema(summary="Block somebody", request=None, responses=RELATION_RESPONSES)
    def put(self, request: Request, account_id: UUID) -> Response:
        relations.block(by=caller(request), account_id=account_id, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="End a block", request=None, responses=RELATION_RESPONSES)
    def delete(self, request: Request, account_id: UUID) -> Response:
        relations.unblock(by=caller(request), account_id=account_id, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
