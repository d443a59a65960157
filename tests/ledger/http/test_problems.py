from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient

from ledger.http import problems
from tests.ledger.http.addresses import RAISED

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.http.addresses")]
PROBLEM = "application/problem+json"


class TestHandle:
    @pytest.mark.parametrize(
        ("what", "status", "code"),
        [
            ("missing", 404, "thing-not-found"),
            ("clash", 409, "thing-exists"),
            ("forbidden", 403, "thing-refused"),
            ("odd", 422, "thing-malformed"),
            ("busy", 503, "thing-unavailable"),
            ("gone", 410, "thing-gone"),
            ("http404", 404, "not-found"),
            ("denied", 403, "not-permitted"),
            ("too-big", 413, "too-large"),
            ("parse", 400, "malformed"),
            ("invalid", 400, "invalid-input"),
            ("throttled", 429, "rate-limited"),
            ("unsupported", 415, "unsupported-media-type"),
        ],
    )
    def test_answers_each_family_as_a_problem(self, what: str, status: int, code: str) -> None:
        answer = APIClient().get(f"/raising/{what}")

        body = answer.json()
        assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
        assert answer["Content-Type"].startswith(PROBLEM)
        assert body["type"] == f"/problems/{code}"
        assert "secret" not in answer.content.decode()

    def test_every_listed_error_is_of_exactly_one_family(self) -> None:
        families = [
            sum(isinstance(error, family) for family in problems.STATUS)
            for error in RAISED.values()
            if hasattr(error, "members")
        ]

        assert families == [1] * len(families)

    def test_carries_the_members_as_plain_values(self) -> None:
        assert APIClient().get("/raising/missing").json()["thing_id"] == 7
        assert APIClient().get("/raising/odd").json()["limits"] == [1, 2]

    def test_names_the_fields_that_are_wrong(self) -> None:
        body = APIClient().get("/raising/invalid").json()

        assert body["errors"] == {"title": ["Too long."]}

    def test_says_when_to_come_back(self) -> None:
        assert APIClient().get("/raising/busy")["Retry-After"] == "2"
        assert APIClient().get("/raising/throttled")["Retry-After"] == "3"

    def test_asks_who_is_calling(self) -> None:
        answer = APIClient().get("/guarded")

        assert (answer.status_code, answer.json()["code"]) == (401, "not-authenticated")
        assert answer["WWW-Authenticate"] == "Bearer"

    def test_refuses_a_method_by_name(self) -> None:
        answer = APIClient().delete("/work")

        assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")

    def test_refuses_a_large_body_before_it_is_read_whole(self) -> None:
        body = b'{"x": "' + b"a" * 1_100_000 + b'"}'

        answer = APIClient().post(
            "/work", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY="k"
        )

        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert answer.json()["limit_bytes"] == 1_048_576


class TestBareHandlers:
    def test_an_address_that_nothing_serves_is_a_problem(self) -> None:
        answer = Client().get("/nowhere/ada@example.com")

        assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
        assert answer.json()["code"] == "not-found"
        assert "ada" not in answer.content.decode()

    @pytest.mark.parametrize("address", ["/broken/ada", "/raising/bug"])
    def test_an_unforeseen_error_tells_nothing_about_itself(self, address: str) -> None:
        answer = Client(raise_request_exception=False).get(address)

        assert (answer.status_code, answer["Content-Type"]) == (500, PROBLEM)
        assert answer.json() == {
            "type": "/problems/internal",
            "title": "Something broke here; it is being logged.",
            "status": 500,
            "code": "internal",
        }
