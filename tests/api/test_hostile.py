"""Whatever is sent, the answer is ours: never a 5xx, and each refusal a problem."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.api.addresses import BODIES, Operation, operations
from tests.api.world import World, let_go
from tests.factories import accounts

WRITES = [found for found in operations() if found.method in ("post", "put", "patch")]
JSON = "application/json"
NASTY: list[Any] = [
    None,
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e\u200f\ufeff\U000e0041" + "e\u0301" * 40,
    "Z" + "\u0336" * 2_000,
    "'; DROP TABLE ledger_account; --",
    "{{7*7}}${7*7}%s%n",
    "../../etc/passwd",
    "x" * 20_000,
    "00000000-0000-0000-0000-000000000000",
    "9999-12-31T23:59:59.999999+14:00",
    "0001-01-01T00:00:00-14:00",
    "0000-00-00",
    "1e400",
    "NaN",
    "Infinity",
    True,
    0,
    -1,
    2**31,
    2**63,
    10**400,
    1e308,
    [],
    {},
    [None],
    [[]],
    [{}],
    ["x"] * 2_000,
    {"a": {"b": {"c": None}}},
    {"\x00": "\x00"},
]
BODIES_ALL_WRONG = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"a": NaN}',
    b'{"a": 1, "a": 2}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"{}" * 2,
    b'{"x": "' + b"y" * 1_100_000 + b'"}',
]
TYPES = [
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/json; charset=no-such",
    "application/xml",
    "video/mp4",
    "x" * 3_000,
    "/;=,",
]
# Where Stripe is asked, and is not there in these tests: said as 503 with its code.
ASKS_STRIPE = {"POST payees/me", "POST licences/{licence_id}/authorisation"}


@pytest.fixture(autouse=True)
def stripe_is_not_there(settings: Settings) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    settings.STRIPE_RETRIES_MAX = 0


class Sender:
    """Sends as the owner of everything, so that nothing is refused before it is read."""

    def __init__(self, operation: Operation, world: World) -> None:
        self._client: APIClient = accounts.client_of(world.owner)
        self._client.raise_request_exception = False
        self._operation, self._world, self._count = operation, world, 0

    def send(self, body: bytes, content_type: str = JSON, **ids: str) -> None:
        cache.clear()  # Rate limits are not what is tested.
        self._count += 1
        answer = self._client.generic(
            self._operation.method.upper(),
            self._operation.address(self._world.ids | ids),
            body,  # type: ignore[arg-type]  # The stub knows no bytes.
            content_type=content_type,
            headers={"Idempotency-Key": f"{self._operation.name}-{self._count}"},
        )
        said = f"{body[:120]!r} as {content_type[:60]!r} got {answer.status_code}"
        if answer.status_code == 503 and self._operation.name in ASKS_STRIPE:
            assert answer.json()["code"].startswith("stripe"), said
            return
        assert answer.status_code < 500, said
        if answer.status_code >= 400:
            assert answer["Content-Type"].startswith("application/problem+json"), said
            assert answer.json()["code"], said


def names(found: Operation) -> str:
    return found.name


def spoiled(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the body with each field in turn left out and replaced by everything nasty."""
    for field, good in body.items():
        yield {name: value for name, value in body.items() if name != field}
        for value in NASTY:
            yield body | {field: value}
            if isinstance(good, list):
                yield body | {field: [value]}
    yield body | {"no_such_field": "\x00"}


@pytest.mark.parametrize("operation", WRITES, ids=names)
class TestEveryWrite:
    def test_takes_any_field_for_what_it_is(self, world: World, operation: Operation) -> None:
        sender = Sender(operation, world)

        for body in spoiled(BODIES[operation.name] or {}):
            sender.send(json.dumps(body).encode())

    def test_takes_any_body_for_what_it_is(self, world: World, operation: Operation) -> None:
        sender = Sender(operation, world)

        for body in BODIES_ALL_WRONG:
            sender.send(body)
        for content_type in TYPES:
            sender.send(json.dumps(BODIES[operation.name] or {}).encode(), content_type)

    def test_knows_no_such_thing(self, world: World, operation: Operation) -> None:
        sender = Sender(operation, world)
        unknown = {
            name: "00000000-0000-4000-8000-000000000000"
            for name in operation.parameters
            if name.endswith("_id")
        }

        sender.send(json.dumps(BODIES[operation.name] or {}).encode(), **unknown)


READS = [found for found in operations() if found.method == "get" and found.name != "GET schema"]


@pytest.mark.parametrize("operation", READS, ids=names)
class TestEveryRead:
    def test_takes_any_query_for_what_it_is(self, world: World, operation: Operation) -> None:
        client = accounts.client_of(world.owner)
        client.raise_request_exception = False
        address = operation.address(world.ids)

        for name in ("cursor", "limit", "secret", "act", "alg", "value", "maxResults", "owner"):
            for value in ("%00", "%FF", "%ED%A0%80", "x", "-1", "9" * 400, "cD0x", "{}", "%F0%9F"):
                cache.clear()
                answer = client.get(f"{address}?{name}={value}", headers={"Accept": "a/b;q=x"})
                let_go(answer)
                # An entry that is not published yet: come back.
                is_waiting = answer.status_code == 503 and "Retry-After" in answer.headers
                assert answer.status_code < 500 or is_waiting, f"{name}={value}"
