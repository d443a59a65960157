"""`/log/…`: the public log, as C2SP tlog-tiles wants it. Nobody signs in here.

Files of the published folder are served as they are; a machine without that folder serves the same
bytes from the rows.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from ledger.http import problems
from ledger.log import identity, publishing, queries, tiles
from ledger.log.queries import NotYetPublished
from ledger.log.tiles import TileNotFound

IMMUTABLE = "public, max-age=31536000, immutable"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """`GET /log/checkpoint`: the newest published checkpoint with its cosignatures. Not cached."""
    data = _file(publishing.CHECKPOINT)
    if data is None:
        newest = queries.published()
        if newest is None:
            return _problem(NotYetPublished())
        data = newest.note
    return _answer(data, TEXT, "no-store")


@require_safe
def vkey(request: HttpRequest) -> HttpResponse:
    """`GET /log/vkey`: the log's verifier key. Whoever relies on it got it by another way too."""
    return _answer(f"{identity.verifier().encode()}\n".encode(), TEXT, "public, max-age=3600")


@require_safe
def tile(request: HttpRequest, path: str) -> HttpResponse:
    """`GET /log/tile/…`: hashes or entries. What has an address here never changes."""
    try:
        name = tiles.parse_path(f"tile/{path}")
        data = _file(name.path())
        if data is None:
            data = queries.read_published(name)
    except TileNotFound as exc:
        return _problem(exc)
    return _answer(data, BYTES, IMMUTABLE)


def _file(path: str) -> bytes | None:
    folder: Path = settings.LOG_PUBLIC_DIR
    try:
        return (folder / path).read_bytes()
    except FileNotFoundError:
        return None


def _answer(data: bytes, content_type: str, caching: str) -> HttpResponse:
    return HttpResponse(
        data,
        content_type=content_type,
        headers={"Cache-Control": caching, "Access-Control-Allow-Origin": "*"},
    )


def _problem(error: NotYetPublished | TileNotFound) -> HttpResponse:
    body = problems.of_error(error)
    return JsonResponse(
        body,
        status=body["status"],
        content_type=problems.CONTENT_TYPE,
        headers={"Cache-Control": "no-store"},
    )
