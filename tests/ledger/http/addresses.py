"""Addresses that do only what the HTTP edge is tested with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from rest_framework import exceptions, serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger import errors
from ledger.http import health
from ledger.http.idempotency import IdempotentView
from ledger.notifications.api import NotificationOutput
from ledger.notifications.models import Notification


class Missing(errors.NotFound):
    code = "thing-not-found"
    title = "There is no such thing."


class Clash(errors.Conflict):
    code = "thing-exists"
    title = "It exists."


class Forbidden(errors.Refused):
    code = "thing-refused"
    title = "It is refused."


class Odd(errors.Malformed):
    code = "thing-malformed"
    title = "It is malformed."


class Busy(errors.Unavailable):
    code = "thing-unavailable"
    title = "It is not there now."


class Gone(errors.NotFound):
    code = "thing-gone"
    title = "It was erased."
    http_status = 410


RAISED: dict[str, Exception] = {
    "missing": Missing(thing_id=7),
    "clash": Clash(),
    "forbidden": Forbidden(),
    "odd": Odd(limits=(1, 2)),
    "busy": Busy(),
    "gone": Gone(),
    "http404": Http404("a secret"),
    "denied": PermissionDenied("a secret"),
    "too-big": RequestDataTooBig("a secret"),
    "parse": exceptions.ParseError(),
    "invalid": serializers.ValidationError({"title": ["Too long."]}),
    "throttled": exceptions.Throttled(wait=3),
    "unsupported": exceptions.UnsupportedMediaType("text/plain"),
    "bug": RuntimeError("a secret"),
}


class RaisingView(APIView):
    permission_classes = (AllowAny,)

    def get(self, request: Request, what: str) -> Response:
        raise RAISED[what]


class GuardedView(APIView):
    def get(self, request: Request) -> Response:
        return Response({})


class WorkView(IdempotentView, APIView):
    """Counts its work, and does whatever `act` says."""

    permission_classes = (AllowAny,)
    done: ClassVar[list[Any]] = []
    act: ClassVar[Callable[[], Response]] = lambda: Response({"made": len(WorkView.done)}, 201)
    lock = threading.Lock()

    def post(self, request: Request) -> Response:
        with self.lock:
            self.done.append(request.data)
        return type(self).act()


class OptionalView(WorkView):
    idempotency_optional = True


class ListView(ListAPIView[Notification]):
    permission_classes = (AllowAny,)
    serializer_class = NotificationOutput
    queryset = Notification.objects.all()


def broken(request: HttpRequest, name: str) -> HttpResponse:
    raise RuntimeError(f"a secret about {name}")


urlpatterns = [
    path("healthz", health.live),
    path("readyz", health.ready),
    path("raising/<str:what>", RaisingView.as_view()),
    path("guarded", GuardedView.as_view()),
    path("work", WorkView.as_view()),
    path("other-work", WorkView.as_view()),
    path("optional", OptionalView.as_view()),
    path("rows", ListView.as_view()),
    path("broken/<str:name>", broken),
]
handler404 = "ledger.http.problems.not_found"
handler500 = "ledger.http.problems.server_error"
