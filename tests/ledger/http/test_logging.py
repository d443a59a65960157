from __future__ import annotations

from typing import Any

import pytest
import structlog
from django.test import Client
from structlog.testing import capture_logs

from tests.ledger.http.addresses import WorkView

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.http.addresses")]
PERSONAL = "ada@example.com"


def lines_of(method: str, address: str, **fields: Any) -> tuple[list[Any], Any]:
    client = Client(raise_request_exception=False)
    with capture_logs() as lines:
        answer = getattr(client, method)(address, **fields)
    return lines, answer


class TestRequestLog:
    def test_names_the_route_and_not_what_was_in_it(self) -> None:
        lines, answer = lines_of("get", f"/raising/missing?email={PERSONAL}")

        (line,) = lines
        assert {name: line[name] for name in ("event", "method", "route", "status")} == {
            "event": "request",
            "method": "GET",
            "route": "raising/<str:what>",
            "status": 404,
        }
        assert line["seconds"] >= 0
        assert PERSONAL not in str(line)
        assert len(answer["Request-Id"]) == 32

    @pytest.mark.usefixtures("work")
    def test_keeps_bodies_headers_and_unknown_addresses_out(self) -> None:
        posted, _ = lines_of(
            "post",
            "/work",
            data={"email": PERSONAL},
            content_type="application/json",
            headers={"idempotency-key": PERSONAL, "authorization": f"Bearer {PERSONAL}"},
        )
        unknown, _ = lines_of("get", f"/nowhere/{PERSONAL}")

        assert [line["route"] for line in posted + unknown] == ["work", None]
        assert PERSONAL not in str(posted + unknown)

    def test_is_written_for_what_broke_too(self) -> None:
        lines, _ = lines_of("get", "/broken/ada")

        assert [line["status"] for line in lines if line["event"] == "request"] == [500]

    def test_leaves_nothing_bound_behind(self) -> None:
        lines_of("get", "/healthz")

        assert structlog.contextvars.get_contextvars() == {}

    def test_gives_each_request_an_id_of_its_own(self, work: type[WorkView]) -> None:
        ids = {lines_of("get", "/healthz")[1]["Request-Id"] for _ in range(3)}

        assert len(ids) == 3
