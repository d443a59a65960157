"""A file's answer over HTTP: whole, in part, unchanged, or out of range; each delivery written down."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from provenance.renders import delivery, files, ranges
from provenance.renders.models import Delivery


class AnyType(BaseContentNegotiation):
    """Answers with what there is, whatever `Accept` says: a player asks for `video/*`."""

    def select_parser(self, request: Request, parsers: object) -> None:
        return None

    def select_renderer(  # type: ignore[override]  # The stub wants a list; a tuple will do.
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


def answer(
    request: Request, deliverable: delivery.Deliverable, *, door: Delivery.Door
) -> HttpResponseBase:
    """Return the file, or the bytes of it that were asked for."""
    part = ranges.select(
        size_bytes=deliverable.size_bytes,
        etag=deliverable.etag,
        range_header=request.headers.get("Range"),
        if_range=request.headers.get("If-Range"),
        if_none_match=request.headers.get("If-None-Match"),
    )
    response: HttpResponseBase
    if part.status in (HTTPStatus.NOT_MODIFIED, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
        response = HttpResponse(status=part.status)
        del response["Content-Type"]
    elif request.method == "HEAD":
        response = HttpResponse(status=part.status, content_type="video/mp4")
        response["Content-Length"] = str(part.size_bytes)
    else:
        response = _stream(deliverable, part, door=door)
    _label(response, deliverable, part)
    return response


def _stream(
    deliverable: delivery.Deliverable, part: ranges.Slice, *, door: Delivery.Door
) -> StreamingHttpResponse:
    delivery.record(
        deliverable=deliverable,
        door=door,
        first_byte=part.first,
        last_byte=part.last,
        at=timezone.now(),
    )
    response = StreamingHttpResponse(
        files.read_range(deliverable.path, first_byte=part.first, last_byte=part.last),
        status=part.status,
        content_type="video/mp4",
    )
    response["Content-Length"] = str(part.size_bytes)
    return response


def _label(
    response: HttpResponseBase, deliverable: delivery.Deliverable, part: ranges.Slice
) -> None:
    size_bytes = deliverable.size_bytes
    response["ETag"] = deliverable.etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    response["Content-Disposition"] = f'inline; filename="{deliverable.render_id}.mp4"'
    if part.status == HTTPStatus.PARTIAL_CONTENT:
        response["Content-Range"] = f"bytes {part.first}-{part.last}/{size_bytes}"
    elif part.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        response["Content-Range"] = f"bytes */{size_bytes}"
