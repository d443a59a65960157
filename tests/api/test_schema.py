"""The OpenAPI document, and what it promises about every operation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from ledger.http.idempotency import IdempotentView
from tests.api.addresses import API, BODIES, PARAMETER, operations

# A POST that is safe to repeat without a key, with the reason.
SAFE_WITHOUT_A_KEY = {
    "POST tokens": "a second token harms nobody, and an answer with a token is not kept",
    "POST enrolments/{enrolment_id}/statement": "agreeing twice to one text is refused or the same",
    "POST cameos/{cameo_id}/retirement": "a cameo that is retired stays so",
    "POST grants/{grant_id}/confirmation": "a constraint lets one in",
    "POST takedowns/{case_id}/cure": "what was lacking lacks once",
    "POST takedowns/{case_id}/confirmation": "its token confirms once",
    "POST renders/{render_id}/cancellation": "a cancelled render stays so",
    "POST lookup": "asks, and makes nothing",
    "POST matches/byBinding": "asks, and makes nothing",
    "POST matches/byContent": "asks, and makes nothing",
}
OPEN = {
    "POST accounts",
    "GET schema",
    "GET log/entries/{entry_id}/proof",
    "POST lookup",
    "GET manifests/{manifest_label}",
    "GET matches/byBinding",
    "POST matches/byBinding",
    "POST matches/byContent",
    "GET seals/trust.pem",
    "GET seals/tsa.pem",
    "GET services/supportedAlgorithms",
    "POST takedowns",
    "GET takedowns/{case_id}",
    "POST takedowns/{case_id}/confirmation",
    "POST takedowns/{case_id}/cure",
}


@pytest.fixture(scope="module")
def document() -> Any:
    return Client().get("/api/v1/schema?format=json").json()


@pytest.fixture(scope="module")
def documented(document: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path.removeprefix('/' + API)}": operation
        for path, item in document["paths"].items()
        if path.startswith("/" + API)
        for method, operation in item.items()
    }


class TestDocument:
    def test_is_valid_and_made_without_a_warning(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("spectacular", validate=True, fail_on_warn=True)

        assert capsys.readouterr().out.startswith("openapi: 3.1.0")

    def test_is_served_to_everybody(self, document: Any) -> None:
        assert document["openapi"] == "3.1.0"

    def test_has_every_operation(self, documented: dict[str, Any]) -> None:
        assert documented.keys() == {found.name for found in operations()} - {"GET schema"}

    def test_refers_to_nothing_that_is_missing(self, document: Any) -> None:
        text = json.dumps(document)
        for name in document["components"]["schemas"]:
            text = text.replace(f'"#/components/schemas/{name}"', "")
        assert "#/components/schemas/" not in text


class TestOperation:
    def test_has_a_summary_and_an_error(self, documented: dict[str, Any]) -> None:
        unsaid = {
            name
            for name, operation in documented.items()
            if not operation.get("summary") or not any(c >= "400" for c in operation["responses"])
        }
        assert unsaid == set()

    def test_has_problems_with_a_body(self, documented: dict[str, Any]) -> None:
        bare = {
            (name, code)
            for name, operation in documented.items()
            for code, answer in operation["responses"].items()
            if code >= "400" and "application/problem+json" not in answer["content"]
        }
        assert bare == set()

    def test_asks_who_is_calling_unless_listed(self, documented: dict[str, Any]) -> None:
        without = {
            name
            for name, operation in documented.items()
            if not operation.get("security") or {} in operation["security"]
        }
        assert without == OPEN - {"GET schema"}
        guarded = documented.keys() - OPEN
        assert {name for name in guarded if "401" not in documented[name]["responses"]} == set()

    def test_that_names_a_thing_may_say_that_it_is_not_there(
        self, documented: dict[str, Any]
    ) -> None:
        named = {found.name for found in operations() if PARAMETER.search(found.route)}
        unsaid = {name for name in named if "404" not in documented[name]["responses"]}
        assert unsaid == {"POST takedowns/{case_id}/confirmation"}  # 422: one answer for both.


class TestPost:
    def test_takes_a_key_or_is_listed_with_its_reason(self) -> None:
        posts = [found for found in operations() if found.method == "post"]
        without = {found.name for found in posts if not issubclass(found.view, IdempotentView)}

        assert without == SAFE_WITHOUT_A_KEY.keys()

    def test_documents_its_key(self, documented: dict[str, Any]) -> None:
        for found in operations():
            if found.method == "post" and issubclass(found.view, IdempotentView):
                parameters = documented[found.name].get("parameters", [])
                assert "Idempotency-Key" in {each["name"] for each in parameters}, found.name
                assert documented[found.name]["responses"].keys() >= {"409", "422"}

    def test_is_tried_with_a_body_by_these_tests(self) -> None:
        written = {found.name for found in operations() if found.method in ("post", "put", "patch")}

        assert written == BODIES.keys()
