from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from ledger.http import parsing
from tests.ledger.http.addresses import WorkView

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.http.addresses")]


def post(body: bytes) -> Any:
    return APIClient().post(
        "/work", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY="k"
    )


class TestJson:
    def test_takes_any_text(self, work: type[WorkView]) -> None:
        answer = post('{"a": ["é\\n\\u0001", "\\ud83d\\ude00", {"b": null}]}'.encode())

        assert answer.status_code == 201
        assert work.done == [{"a": ["é\n\x01", "😀", {"b": None}]}]

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"\xff",
            b'{"a": NaN}',
            b'{"a": "\\u0000"}',
            b'{"\\u0000": 1}',
            b'{"a": [{"b": "x\\u0000"}]}',
            b'{"a": "\\ud800"}',
            b'{"a": "\\udc00\\ud800"}',
            b'{"a": %s}' % (b"9" * 5_000),
            b"[" * 33 + b"]" * 33,
            b"[" * 200_000,
        ],
    )
    def test_refuses_what_is_no_json_or_cannot_be_kept(
        self, work: type[WorkView], body: bytes
    ) -> None:
        answer = post(body)

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert not work.done

    def test_takes_the_deepest_nesting_that_it_may(self, work: type[WorkView]) -> None:
        depth = parsing.DEPTH_MAX

        assert post(b"[" * depth + b"]" * depth).status_code == 201
