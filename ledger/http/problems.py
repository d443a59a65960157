"""Errors become RFC 9457 problems here, and nowhere else."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from ledger import errors

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"

STATUS = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.Malformed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

# Codes for what the framework itself refuses, by status.
FRAMEWORK_CODES = {
    400: "malformed",
    401: "not-authenticated",
    403: "not-permitted",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
    429: "rate-limited",
}


def problem(
    *, status: int, code: str, title: str, members: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the body of a problem. `type` is a stable address of the code's documentation."""
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": int(status),
        "code": code,
        **{name: _plain(value) for name, value in (members or {}).items()},
    }


def of_error(error: errors.CountersignError) -> dict[str, Any]:
    """Return the problem of one of our own errors. A class may carry its own `http_status`."""
    return problem(
        status=status_of(error), code=error.code, title=error.title, members=error.members
    )


def status_of(error: errors.CountersignError) -> int:
    """Return the HTTP status of one of our own errors, by its family."""
    own = getattr(error, "http_status", None)
    if own is not None:
        return int(own)
    return next(int(status) for family, status in STATUS.items() if isinstance(error, family))


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception raised in an API view. Unknown errors go on, and end as a bare 500."""
    if isinstance(exc, errors.CountersignError):
        body = of_error(exc)
        headers = {"Retry-After": "2"} if isinstance(exc, errors.Unavailable) else None
        return Response(body, body["status"], content_type=CONTENT_TYPE, headers=headers)
    if isinstance(exc, RequestDataTooBig):
        title = "The request's body is larger than this address takes."
        limit = {"limit_bytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
        body = problem(status=413, code="too-large", title=title, members=limit)
        return Response(body, 413, content_type=CONTENT_TYPE)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    response = exception_handler(exc, context)
    if response is None:
        return None
    code = FRAMEWORK_CODES.get(response.status_code, "refused")
    members: dict[str, Any] = {}
    if isinstance(exc, exceptions.ValidationError):
        code, members = "invalid-input", {"errors": exc.detail}
    is_plain = isinstance(getattr(exc, "detail", None), str)
    title = str(exc.detail if is_plain else getattr(exc, "default_detail", code))  # type: ignore[attr-defined]  # Seen above.
    response.data = problem(status=response.status_code, code=code, title=title, members=members)
    response.content_type = CONTENT_TYPE
    return response


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer an address that nothing serves."""
    body = problem(status=404, code="not-found", title="There is nothing at this address.")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer an error that nobody foresaw, without telling anything about it."""
    body = problem(status=500, code="internal", title="Something broke here; it is being logged.")
    return JsonResponse(body, status=500, content_type=CONTENT_TYPE)


def _plain(value: object) -> Any:
    if isinstance(value, (str, int, float, bool, type(None), list, dict)):
        return value
    if isinstance(value, (tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return str(value)
