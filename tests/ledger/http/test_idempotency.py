from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIClient

from ledger.http import idempotency
from ledger.http.models import IdempotencyRecord
from tests.factories import accounts
from tests.ledger.http import addresses
from tests.ledger.http.addresses import WorkView

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.http.addresses")]
Work = type[WorkView]


def post(
    body: object = None,
    *,
    key: str | None = "k",
    to: str = "/work",
    client: APIClient | None = None,
    **headers: Any,
) -> Any:
    if key is not None:
        headers["HTTP_IDEMPOTENCY_KEY"] = key
    return (client or APIClient(raise_request_exception=False)).post(
        to, body or {"n": 1}, **headers
    )


def raise_(error: Exception) -> Response:
    raise error


class TestKey:
    @pytest.mark.parametrize("key", [None, "", "k" * 256])
    def test_must_be_there(self, work: Work, key: str | None) -> None:
        answer = post(key=key)

        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")
        assert not work.done

    def test_may_be_of_255_characters(self, work: Work) -> None:
        assert post(key="k" * 255).status_code == 201

    def test_may_be_left_out_where_the_view_says_so(self, work: Work) -> None:
        answers = [post(key=None, to="/optional").status_code for _ in range(2)]

        assert (answers, len(work.done)) == ([201, 201], 2)

    def test_is_not_asked_of_those_who_may_not_come_in(self, work: Work) -> None:
        work.permission_classes = addresses.GuardedView.permission_classes  # type: ignore[assignment]  # A list or a tuple.
        try:
            answer = post(key=None)
        finally:
            work.permission_classes = (AllowAny,)

        assert answer.status_code == 401
        assert not IdempotencyRecord.objects.exists()


class TestRepeat:
    def test_gets_the_first_answer_and_does_no_work(self, work: Work) -> None:
        first = post()

        again = post()

        assert (first.status_code, first.json()) == (201, {"made": 1})
        assert (again.status_code, again.json()) == (201, {"made": 1})
        assert (first.headers.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (
            None,
            "true",
        )
        assert len(work.done) == 1

    def test_gets_the_first_problem_too_as_a_problem(self, work: Work) -> None:
        work.act = lambda: raise_(addresses.Clash(thing_id=7))
        first = post()
        work.act = lambda: Response({}, 201)

        again = post()

        assert (again.status_code, again.json()) == (409, first.json())
        assert again["Content-Type"].startswith("application/problem+json")
        assert len(work.done) == 1

    def test_with_another_body_is_refused(self, work: Work) -> None:
        post({"n": 1})

        answer = post({"n": 2})

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
        assert len(work.done) == 1

    @pytest.mark.parametrize("to", ["/other-work", "/work?a=1"])
    def test_at_another_address_is_refused(self, work: Work, to: str) -> None:
        post()

        assert post(to=to).json()["code"] == "idempotency-key-reused"
        assert len(work.done) == 1

    def test_of_another_caller_is_another_request(self, work: Work) -> None:
        answers = [
            post(client=accounts.client_of(accounts.account())).json(),
            post(client=accounts.client_of(accounts.account())).json(),
            post().json(),
            post(REMOTE_ADDR="192.0.2.9").json(),
        ]

        assert answers == [{"made": number} for number in (1, 2, 3, 4)]

    def test_keeps_no_body_of_the_request(self, work: Work) -> None:
        post({"password": "correct horse"})

        kept = IdempotencyRecord.objects.get()
        assert "horse" not in f"{kept.body} {bytes(kept.request_sha256)!r}"


class TestFailure:
    def test_of_ours_is_not_kept(self, work: Work) -> None:
        work.act = lambda: raise_(addresses.Busy())
        assert post().status_code == 503
        work.act = lambda: Response({"made": "after all"}, 201)

        assert post().json() == {"made": "after all"}

    def test_that_nobody_foresaw_is_not_kept_either(self, work: Work) -> None:
        work.act = lambda: raise_(RuntimeError("a bug"))
        assert post().status_code == 500
        work.act = lambda: Response({"made": "after all"}, 201)

        assert post().json() == {"made": "after all"}

    def test_of_a_process_is_taken_over_after_a_minute(self, work: Work) -> None:
        post()
        died = IdempotencyRecord.objects.get()
        IdempotencyRecord.objects.update(status=None, body=None)
        assert post().status_code == 409

        before = died.created_at - timedelta(seconds=idempotency.TAKE_OVER_S + 1)
        IdempotencyRecord.objects.update(created_at=before)
        answer = post()

        assert (answer.status_code, answer.json()) == (201, {"made": 2})
        assert IdempotencyRecord.objects.get().status == 201

    def test_lets_whoever_took_over_answer(self, work: Work) -> None:
        def taken_over() -> Response:
            IdempotencyRecord.objects.update(created_at=timezone.now() + timedelta(seconds=61))
            return Response({"made": "too late"}, 201)

        work.act = taken_over

        post()

        assert IdempotencyRecord.objects.get().status is None


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_do_one_work(self, work: Work) -> None:
        started, end = threading.Event(), threading.Event()
        first: list[Any] = []

        def slow() -> Response:
            started.set()
            assert end.wait(10)
            return Response({"made": 1}, 201)

        def ask() -> None:
            try:
                first.append(post())
            finally:
                connection.close()

        work.act = slow
        thread = threading.Thread(target=ask)
        thread.start()
        assert started.wait(10)

        second = post()
        end.set()
        thread.join(10)

        assert (second.status_code, second.json()["code"]) == (409, "idempotency-key-in-use")
        assert (first[0].status_code, len(work.done)) == (201, 1)
        assert post().json() == {"made": 1}


class TestForget:
    def test_deletes_what_is_older(self, work: Work) -> None:
        post(key="old")
        IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))
        post(key="new")

        count = idempotency.forget(before=timezone.now() - idempotency.KEEP_FOR)

        assert (count, IdempotencyRecord.objects.get().key) == (1, "new")
