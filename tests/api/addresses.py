"""Every address of the API, read from the URLconf, and a request to each that is in order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

API = "api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Operation:
    """One method at one address, `api/v1/renders/<uuid:render_id>`."""

    method: str
    route: str
    view: type[APIView]

    @property
    def name(self) -> str:
        path = PARAMETER.sub(r"{\1}", self.route.removeprefix(API))
        return f"{self.method.upper()} {path}"

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(PARAMETER.findall(self.route))

    def address(self, values: Mapping[str, object]) -> str:
        return "/" + PARAMETER.sub(lambda found: str(values[found[1]]), self.route)


def operations() -> tuple[Operation, ...]:
    """Return each operation of the API."""
    return tuple(
        Operation(method, route, view)
        for route, view in _views(get_resolver().url_patterns)
        if route.startswith(API)
        for method in METHODS
        if hasattr(view, method)
    )


def _views(
    patterns: Sequence[URLPattern | URLResolver], above: str = ""
) -> Iterator[tuple[str, type[APIView]]]:
    for pattern in patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, route)
        elif view := getattr(pattern.callback, "view_class", None):
            yield route, view
        else:
            assert not route.startswith(API), f"{route} is served by a bare function"


_SHA256 = "0" * 64
_UNKNOWN = "00000000-0000-4000-8000-000000000000"

# What each operation with a body is given; None: it takes none. A new one must be listed here.
BODIES: dict[str, dict[str, Any] | None] = {
    "POST accounts": {
        "email": "new@example.com",
        "password": "correct horse battery staple",
        "handle": "new_person",
        "display_name": "New",
        "born_on": "1990-01-01",
    },
    "POST tokens": None,
    "PUT notifications/{notification_id}/read": None,
    "POST enrolments": {"remix_allowed": True},
    "POST enrolments/{enrolment_id}/statement": {"agreed": True, "statement_sha256": _SHA256},
    "PUT enrolments/{enrolment_id}/capture": None,
    "PUT cameos/{cameo_id}/audience": {"audience": "mutuals"},
    "POST cameos/{cameo_id}/terms": {
        "purposes": ["personal", "commercial"],
        "forbidden_topics": ["war"],
        "territories": ["US"],
        "seconds_max": 60,
        "renders_max": 5,
        "renders_per_day_max": 5,
        "fees": {"commercial": {"amount_minor": 100, "currency": "usd"}},
        "training_allowed": False,
    },
    "PUT cameos/{cameo_id}/preferences": {"wardrobe": "formal", "voice": {"pitch": 1}},
    "POST cameos/{cameo_id}/retirement": None,
    "PUT accounts/{account_id}/follow": None,
    "PUT accounts/{account_id}/block": None,
    "POST cameos/{cameo_id}/lockdown": {"act": "stop", "reason": "x"},
    "POST cameos/{cameo_id}/revocation": {"grantee_id": _UNKNOWN, "act": "stop", "reason": "x"},
    "POST grants": {
        "cameo_id": _UNKNOWN,
        "grantee_id": _UNKNOWN,
        "purposes": ["personal"],
        "renders_max": 5,
        "territories": ["US"],
        "ends_at": "2030-01-01T00:00:00Z",
    },
    "POST grants/{grant_id}/confirmation": None,
    "POST grants/{grant_id}/revocation": {"act": "stop", "reason": "x"},
    "POST uses/{use_id}/withdrawal": {"reason": "x"},
    "POST uses/{use_id}/remix-lock": None,
    "POST uses/{use_id}/approval": {"approved": True},
    "POST payees/me": {"country": "US"},
    "POST licences/{licence_id}/authorisation": {"payment_method": "pm_card_visa"},
    "POST takedowns": {
        "regime": "likeness",
        "target": _UNKNOWN,
        "country": "US",
        "estate_id": _UNKNOWN,
        "contact_name": "Ada",
        "contact_email": "ada@example.com",
        "statement": "That is me.",
        "signature": "Ada",
        "good_faith": True,
    },
    "POST takedowns/{case_id}/cure": {"secret": "x", "statement": "That is me.", "accuracy": True},
    "POST takedowns/{case_id}/confirmation": {"token": "x"},
    "POST renders": {
        "prompt": "A quiet harbour",
        "title": "Harbour",
        "cast": [_UNKNOWN],
        "drop": [],
        "purpose": "personal",
        "seconds": "2",
        "width_px": 480,
        "height_px": 270,
        "parent_id": _UNKNOWN,
        "seed": 7,
    },
    "POST renders/{render_id}/cancellation": None,
    "POST lookup": None,
    "POST matches/byBinding": {"alg": "io.iscc.v0", "value": "AAAA", "maxResults": 3},
    "POST matches/byContent": None,
    "POST reports": {
        "kind": "render",
        "about_id": _UNKNOWN,
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-02-01T00:00:00Z",
    },
}
