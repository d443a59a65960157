"""`/api/v1/renders`: ask for a render, watch it, have its file, call it off."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts.models import Account
from ledger.cameos.models import Purpose
from ledger.http.idempotency import IdempotentView
from ledger.http.pagination import Cursor
from provenance.renders import actions, delivery, events, queries, rules
from provenance.renders.errors import ConsentDenied
from provenance.renders.models import Delivery
from provenance.renders.serving import AnyType, answer
from provenance.renders.shapes import RenderDetail, RenderSummary, detail_of, summary_of

NOT_FOUND = OpenApiResponse(description="`render-not-found`: none, or not yours")
FILE_RESPONSES: dict[Any, Any] = {
    (200, "video/mp4"): OpenApiTypes.BINARY,
    (206, "video/mp4"): OpenApiTypes.BINARY,
    304: None,
    404: OpenApiResponse(description="`render-not-found`, `file-not-there`"),
    416: None,
    451: OpenApiResponse(description="`withdrawn`: a co-owner withdrew it, or it is held"),
}
RANGE = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="RFC 9110: one range")


def caller(request: Request) -> Account:
    """Return who is asking; the default permission has refused everyone who is not signed in."""
    return cast(Account, request.user)


class Newest(Cursor):
    """Renders have their use's id."""

    ordering = ("-created_at", "-pk")


class RenderListView(IdempotentView, APIView):
    """`GET /v1/renders`: those that you co-own. `POST /v1/renders`: ask for one."""

    class Input(serializers.Serializer[None]):
        prompt = serializers.CharField(
            max_length=rules.PROMPT_CHARACTERS_MAX, trim_whitespace=False
        )
        title = serializers.CharField(
            max_length=rules.TITLE_CHARACTERS_MAX, allow_blank=True, default=""
        )
        cast = serializers.ListField(
            child=serializers.UUIDField(), max_length=rules.CAST_MAX, default=list
        )
        drop = serializers.ListField(
            child=serializers.UUIDField(), max_length=rules.CAST_MAX, default=list
        )
        purpose = serializers.ChoiceField(choices=Purpose.choices, default=Purpose.PERSONAL.value)
        seconds = serializers.DecimalField(max_digits=7, decimal_places=3)
        width_px = serializers.IntegerField(min_value=1, max_value=100_000)
        height_px = serializers.IntegerField(min_value=1, max_value=100_000)
        parent_id = serializers.UUIDField(allow_null=True, default=None)
        seed = serializers.IntegerField(min_value=0, max_value=rules.SEED_MAX, default=0)

    @extend_schema(
        summary="List the renders that you co-own, newest first",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        responses={200: RenderSummary(many=True)},
    )
    def get(self, request: Request) -> Response:
        pages = Newest()
        rows = pages.paginate_queryset(queries.mine(caller(request).id), request, view=self) or []
        return pages.get_paginated_response([RenderSummary(summary_of(row)).data for row in rows])

    @extend_schema(
        summary="Ask for a render",
        parameters=[
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)
        ],
        request=Input,
        responses={
            201: RenderDetail,
            400: OpenApiResponse(description="`invalid-input`, `idempotency-key-missing`"),
            403: OpenApiResponse(
                description="`consent-denied` with the recorded render's id: never by whom or why"
            ),
            404: OpenApiResponse(description="`cameo-not-found`, `parent-not-found`"),
            422: OpenApiResponse(
                description="`cast-invalid`, `size-invalid`, `length-invalid`, `text-invalid`"
            ),
        },
    )
    def post(self, request: Request) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        fields = {**body.validated_data}
        wish = rules.Wish(
            **{**fields, "cast": tuple(fields["cast"]), "drop": tuple(fields["drop"])}
        )
        if self._claimed is None:
            raise RuntimeError("a POST that creates was not claimed")
        # The claim's random id is the render's: a repeat after a crash finds the same render.
        asked = actions.request(
            render_id=self._claimed.id, requester=caller(request), wish=wish, at=timezone.now()
        )
        if asked.is_denied:
            raise ConsentDenied(render_id=asked.render_id)
        render = queries.of_co_owner(render_id=asked.render_id, account_id=caller(request).id)
        return Response(
            RenderDetail(detail_of(render, account_id=caller(request).id)).data,
            status=status.HTTP_201_CREATED,
        )


class RenderView(APIView):
    """`GET /v1/renders/{render_id}`: how it stands."""

    @extend_schema(summary="Read a render", responses={200: RenderDetail, 404: NOT_FOUND})
    def get(self, request: Request, render_id: UUID) -> Response:
        render = delivery.visible(render_id=render_id, account=caller(request))
        return Response(RenderDetail(detail_of(render, account_id=caller(request).id)).data)


class CancellationView(APIView):
    """`POST /v1/renders/{render_id}/cancellation`: call it off. Safe to repeat."""

    @extend_schema(
        summary="Call a render off",
        request=None,
        responses={
            204: None,
            404: NOT_FOUND,
            409: OpenApiResponse(description="`render-ended`: it ended otherwise"),
        },
    )
    def post(self, request: Request, render_id: UUID) -> Response:
        actions.cancel(render_id=render_id, by=caller(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class FileView(APIView):
    """`GET /v1/renders/{render_id}/file`: the sealed video. `DELETE`: destroy a denied draft."""

    content_negotiation_class = AnyType

    @extend_schema(summary="Have the file", parameters=[RANGE], responses=FILE_RESPONSES)
    def get(self, request: Request, render_id: UUID) -> HttpResponseBase:
        found = delivery.find(render_id=render_id, account=caller(request))
        return answer(request, found, door=Delivery.Door.API)

    @extend_schema(
        summary="Destroy the draft of a denied render",
        responses={204: None, 404: NOT_FOUND, 409: OpenApiResponse(description="`not-a-draft`")},
    )
    def delete(self, request: Request, render_id: UUID) -> Response:
        actions.destroy_draft(render_id=render_id, by=caller(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class LinkView(APIView):
    """`GET /media/{token}`: the file, by a signed link that runs out."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    content_negotiation_class = AnyType

    @extend_schema(
        summary="Have the file by a signed link",
        parameters=[RANGE],
        responses=FILE_RESPONSES,
        auth=[],
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        return answer(request, delivery.find_by_token(token), door=Delivery.Door.LINK)


class EventsView(APIView):
    """`GET /v1/renders/{render_id}/events`: progress as server-sent events, for a bounded time."""

    content_negotiation_class = AnyType

    @extend_schema(
        summary="Watch a render's progress",
        responses={
            (200, "text/event-stream"): OpenApiTypes.STR,
            404: NOT_FOUND,
            503: OpenApiResponse(description="`too-many-watchers`"),
        },
    )
    def get(self, request: Request, render_id: UUID) -> HttpResponseBase:
        render = delivery.visible(render_id=render_id, account=caller(request))
        return StreamingHttpResponse(
            events.Watch(render.pk),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
