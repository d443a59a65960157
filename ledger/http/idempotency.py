"""`Idempotency-Key` on each POST that creates or charges (IETF httpapi draft).

The key is claimed in a transaction of its own before the work starts, and the answer is kept when
it ends. The same key with the same request gets the first answer again; with another request it is
refused; while the first is still at work it is told to wait. A claim whose process died is taken
over after `TAKE_OVER_S`: actions behind such a POST are safe to repeat by their own constraints.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from ledger.errors import Conflict, Malformed
from ledger.http import problems
from ledger.http.models import IdempotencyRecord

KEEP_FOR = timedelta(hours=24)
TAKE_OVER_S = 60
KEY_LENGTH_MAX = 255


class KeyMissing(Malformed):
    code = "idempotency-key-missing"
    title = "This request needs an Idempotency-Key header of 1 to 255 characters."
    http_status = 400


class KeyReused(Malformed):
    code = "idempotency-key-reused"
    title = "This Idempotency-Key was used with another request."


class StillAtWork(Conflict):
    code = "idempotency-key-in-use"
    title = "The first request with this Idempotency-Key is still being worked on."


class IdempotentView:
    """Mixin before `APIView`: makes `post` idempotent by the caller's key."""

    idempotency_optional: ClassVar[bool] = False
    # Members of the answer that are shown once: kept as null, so that no secret lies here in clear.
    idempotency_secrets: ClassVar[tuple[str, ...]] = ()
    _claimed: IdempotencyRecord | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Find the kept answer, or do the work and keep its answer."""
        self._claimed = None
        try:
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # A mixin.
        except Exception:
            self._settle(None)  # It ends as a 500, which is not kept.
            raise
        self._settle(response)
        return response

    def _settle(self, response: Response | None) -> None:
        if self._claimed is not None:
            _keep(self._claimed, response, secrets=self.idempotency_secrets)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # A mixin.
        if request.method == "POST":
            self._claim(request)

    def _claim(self, request: Request) -> None:
        key = request.headers.get("Idempotency-Key", "")
        if not 0 < len(key) <= KEY_LENGTH_MAX:
            if self.idempotency_optional and not key:
                return
            raise KeyMissing
        caller = str(request.user.pk or request.META.get("REMOTE_ADDR", ""))
        record, is_new = claim(
            caller=caller, key=key, request_sha256=_digest(request), at=timezone.now()
        )
        if is_new:
            self._claimed = record
        else:
            raise _Replay(record)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Replay):
            kept = exc.record
            is_problem = kept.status is not None and kept.status >= HTTPStatus.BAD_REQUEST
            return Response(
                kept.body,
                kept.status,
                headers={"Idempotent-Replayed": "true"},
                content_type=problems.CONTENT_TYPE if is_problem else None,
            )
        response: Response = super().handle_exception(exc)  # type: ignore[misc]  # A mixin.
        return response


class _Replay(Exception):
    def __init__(self, record: IdempotencyRecord) -> None:
        self.record = record


def claim(
    *, caller: str, key: str, request_sha256: bytes, at: datetime
) -> tuple[IdempotencyRecord, bool]:
    """Return the record of a key, and whether this request is the one to do the work.

    Raises:
        KeyReused: the key came with another request before.
        StillAtWork: the first request has not ended, and is younger than `TAKE_OVER_S`.
    """
    try:
        with transaction.atomic():
            return (
                IdempotencyRecord.objects.create(
                    caller=caller, key=key, request_sha256=request_sha256, created_at=at
                ),
                True,
            )
    except IntegrityError:
        with transaction.atomic():
            record = IdempotencyRecord.objects.select_for_update().get(caller=caller, key=key)
            if bytes(record.request_sha256) != request_sha256:
                raise KeyReused from None
            if record.status is not None:
                return record, False
            if record.created_at > at - timedelta(seconds=TAKE_OVER_S):
                raise StillAtWork from None
            record.created_at = at
            record.save(update_fields=["created_at"])
            return record, True


def forget(*, before: datetime) -> int:
    """Delete kept answers older than `before`. Returns how many."""
    count, _ = IdempotencyRecord.objects.filter(created_at__lt=before).delete()
    return count


def _keep(
    record: IdempotencyRecord, response: Response | None, *, secrets: tuple[str, ...]
) -> None:
    """Keep what was answered; a failure of ours (5xx) is not kept, so that it can be tried again.

    Only while the claim is ours: whoever took it over answers for it.
    """
    ours = IdempotencyRecord.objects.filter(id=record.id, created_at=record.created_at)
    if response is None or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        ours.delete()
    else:
        body = _json(response)
        if isinstance(body, dict):
            body |= {name: None for name in secrets if name in body}
        ours.update(status=response.status_code, body=body)


def _json(response: Response) -> Any:
    return json.loads(json.dumps(response.data, cls=JSONEncoder))


def _digest(request: Request) -> bytes:
    # Keyed, because a body may hold a password: nobody can guess it from what is kept here.
    hasher = hmac.new(settings.SECRET_KEY.encode(), digestmod=hashlib.sha256)
    hasher.update(f"{request.method} {request.get_full_path()}\n".encode())
    if not (request.content_type or "").startswith("multipart/"):
        hasher.update(request._request.body)
    return hasher.digest()
