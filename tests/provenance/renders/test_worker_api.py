"""The worker's door: only with a permit, only for its own attempt, only while that lives."""

from __future__ import annotations

import io
import json
import socket
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gpu_worker.contract import capture, keys, permit, redemption
from gpu_worker.contract import job as jobs
from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from provenance.renders import actions, attempts, files
from provenance.renders.models import Attempt, Render
from tests.factories import renders as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ben() -> Account:
    return make.person()


@pytest.fixture
def cameo() -> Cameo:
    return make.cameo(make.person())


@pytest.fixture
def attempt(ben: Account, cameo: Cameo) -> Attempt:
    return make.dispatched(make.requested(ben, cameo))


class Worker:
    """A client that holds one attempt's permit."""

    def __init__(self, attempt: Attempt) -> None:
        self.client, self.base = Client(), f"/worker/v1/renders/{attempt.render_id}"
        self.bearer = f"Bearer {attempts.message_for(attempt).permit}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.generic(
            method,
            f"{self.base}/{path}",
            data=body if isinstance(body, bytes) else _json(body),
            content_type="video/mp4" if isinstance(body, bytes) else "application/json",
            headers={"Authorization": self.bearer, **headers},
        )


def _json(body: Any) -> bytes:
    return json.dumps({} if body is None else body).encode()


CALLS = [
    ("POST", "redemption"),
    ("GET", f"captures/{uuid.UUID(int=7)}"),
    ("GET", "parent"),
    ("POST", "beats"),
    ("PUT", "output"),
    ("POST", "failure"),
]


class TestEveryCall:
    @pytest.mark.parametrize(("method", "path"), CALLS)
    @pytest.mark.parametrize(
        "bearer", ["", "Bearer ", "Bearer nonsense", "Basic x", "Bearer a.b.c"]
    )
    def test_needs_a_permit(self, attempt: Attempt, method: str, path: str, bearer: str) -> None:
        worker = Worker(attempt)
        worker.bearer = bearer

        answer = worker.call(method, path)

        assert (answer.status_code, answer.json()["code"]) == (401, "permit-signature")

    @pytest.mark.parametrize(("method", "path"), CALLS)
    def test_needs_a_permit_for_this_render(
        self, attempt: Attempt, ben: Account, cameo: Cameo, method: str, path: str
    ) -> None:
        worker = Worker(make.dispatched(make.requested(ben, cameo)))
        worker.base = f"/worker/v1/renders/{attempt.render_id}"

        assert worker.call(method, path).status_code == 401


class TestJwks:
    def test_names_the_key_that_permits_are_signed_with(self, attempt: Attempt) -> None:
        answer = Client().get("/worker/v1/jwks")

        known = keys.from_jwks(answer.json())
        job = jobs.from_plain(attempt.job)
        permit.verify(attempts.message_for(attempt).permit, keys=known, job=job, at=timezone.now())


class TestRedemption:
    def test_gives_secrets_that_the_worker_can_read_and_only_once(self, attempt: Attempt) -> None:
        worker = Worker(attempt)

        first = worker.call("POST", "redemption")
        second = worker.call("POST", "redemption")

        redemption.from_plain(first.json(), job=jobs.from_plain(attempt.job))
        assert first["Cache-Control"] == "no-store"
        assert (second.status_code, second.json()["code"]) == (409, "permit-redeemed")


class TestCapture:
    def test_streams_it_under_the_one_job_key(self, attempt: Attempt, cameo: Cameo) -> None:
        worker = Worker(attempt)
        secrets = redemption.from_plain(
            worker.call("POST", "redemption").json(), job=jobs.from_plain(attempt.job)
        )
        ref = next(iter(attempt.captures))

        answer = worker.call("GET", f"captures/{ref}", Accept="application/octet-stream")

        sealed = b"".join(answer.streaming_content)
        bound_to = capture.context(
            render_id=attempt.render_id, attempt_id=attempt.id, cameo_ref=ref
        )
        opened = capture.decrypt(io.BytesIO(sealed), secrets.capture_keys[ref], bound_to)
        assert b"".join(opened) == f"capture of {cameo.id}".encode()
        assert f"capture of {cameo.id}".encode() not in sealed

    def test_leaves_no_clear_capture_behind(self, attempt: Attempt, tmp_path: Path) -> None:
        worker = Worker(attempt)
        worker.call("POST", "redemption")

        b"".join(worker.call("GET", f"captures/{next(iter(attempt.captures))}").streaming_content)

        left = [one for one in files.path_of("renders").rglob("*") if one.is_file()]
        assert left == []

    def test_is_not_given_before_the_redemption(self, attempt: Attempt) -> None:
        answer = Worker(attempt).call("GET", f"captures/{next(iter(attempt.captures))}")

        assert answer.json()["code"] == "permit-not-redeemed"

    def test_is_not_given_for_another_reference(self, attempt: Attempt) -> None:
        worker = Worker(attempt)
        worker.call("POST", "redemption")

        assert worker.call("GET", f"captures/{uuid.uuid4()}").status_code == 404

    def test_is_not_given_once_it_was_called_off(self, attempt: Attempt, ben: Account) -> None:
        worker = Worker(attempt)
        worker.call("POST", "redemption")
        actions.cancel(render_id=attempt.render_id, by=ben, at=timezone.now())

        answer = worker.call("GET", f"captures/{next(iter(attempt.captures))}")

        assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")


class TestParent:
    def test_is_not_there_where_the_job_names_none(self, attempt: Attempt) -> None:
        worker = Worker(attempt)
        worker.call("POST", "redemption")

        assert worker.call("GET", "parent").json()["code"] == "parent-not-found"


class TestBeats:
    def test_tells_when_to_stop(self, attempt: Attempt, ben: Account) -> None:
        worker = Worker(attempt)
        worker.call("POST", "redemption")
        body = {"stage": "drawing", "fraction": 0.25, "seconds_left": 4}

        going = worker.call("POST", "beats", body)
        actions.cancel(render_id=attempt.render_id, by=ben, at=timezone.now())
        ended = worker.call("POST", "beats", body)

        assert (going.json(), ended.json()) == ({"cancel": False}, {"cancel": True})

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"stage": "x", "fraction": 1.5},
            {"stage": "x", "fraction": -0.1},
            {"stage": "x", "fraction": "nan"},
            {"stage": "x" * 41, "fraction": 0},
            {"stage": "x", "fraction": 0, "seconds_left": -1},
            {"stage": "x", "fraction": 0, "seconds_left": 1e12},
            {"stage": ["x"], "fraction": 0},
            ["x"],
        ],
    )
    def test_refuses_what_is_none(self, attempt: Attempt, body: Any) -> None:
        answer = Worker(attempt).call("POST", "beats", body)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


class TestOutput:
    @pytest.fixture
    def worker(self, attempt: Attempt) -> Worker:
        worker = Worker(attempt)
        worker.call("POST", "redemption")
        return worker

    @pytest.fixture
    def made(self, attempt: Attempt, tmp_path: Path) -> Path:
        (path := tmp_path / "made").write_bytes(b"v" * 300_000)
        return path

    def _put(self, worker: Worker, body: bytes, token: str) -> Any:
        return worker.call("PUT", "output", body, **{"Render-Receipt": token})

    def test_takes_the_file_and_seals_it_next(
        self, worker: Worker, attempt: Attempt, made: Path
    ) -> None:
        answer = self._put(worker, made.read_bytes(), make.receipt(attempt, made))

        render = Render.objects.get(pk=attempt.render_id)
        assert (answer.status_code, render.state) == (201, "sealing")
        assert files.path_of(render.output_path).read_bytes() == made.read_bytes()

    def test_answers_the_same_file_the_same_again(
        self, worker: Worker, attempt: Attempt, made: Path
    ) -> None:
        token = make.receipt(attempt, made)
        self._put(worker, made.read_bytes(), token)

        assert self._put(worker, made.read_bytes(), token).status_code == 201
        assert worker.call("POST", "beats", {"stage": "", "fraction": 1}).json()["cancel"] is True

    @pytest.mark.parametrize(
        ("says", "body"),
        [
            ({}, b"w" * 300_000),
            ({}, b"v" * 299_999),
            ({"output_sha256": "0" * 64}, b"v" * 300_000),
            ({"attempt_id": uuid.UUID(int=5)}, b"v" * 300_000),
            ({"render_id": uuid.UUID(int=5)}, b"v" * 300_000),
            ({"job_sha256": "0" * 64}, b"v" * 300_000),
        ],
    )
    def test_refuses_a_receipt_about_something_else(
        self, worker: Worker, attempt: Attempt, made: Path, says: dict[str, Any], body: bytes
    ) -> None:
        answer = self._put(worker, body, make.receipt(attempt, made, **says))

        assert (answer.status_code, answer.json()["code"]) == (422, "receipt-mismatch")
        assert Render.objects.get(pk=attempt.render_id).state == "rendering"
        left = [one for one in files.path_of("renders").rglob("*") if one.is_file()]
        assert left == []

    def test_refuses_a_receipt_of_an_unknown_worker(
        self, worker: Worker, attempt: Attempt, made: Path, settings: Any
    ) -> None:
        token = make.receipt(attempt, made)
        (settings.WORKER_PUBLIC_KEYS_DIR / "test.pem").unlink()

        assert self._put(worker, made.read_bytes(), token).json()["code"] == "receipt-invalid"

    def test_needs_a_receipt(self, worker: Worker) -> None:
        assert worker.call("PUT", "output", b"v").json()["code"] == "receipt-missing"

    def test_refuses_a_file_over_the_limit_before_reading_it(
        self, worker: Worker, attempt: Attempt, made: Path, settings: Any
    ) -> None:
        settings.OUTPUT_SIZE_BYTES_MAX = 1_000

        answer = self._put(worker, made.read_bytes(), make.receipt(attempt, made))

        assert (answer.status_code, answer.json()["code"]) == (413, "output-too-large")

    @pytest.mark.parametrize(("length", "status"), [("", 411), ("0", 411), ("-5", 411), ("x", 411)])
    def test_needs_a_length(
        self, worker: Worker, attempt: Attempt, made: Path, length: str, status: int
    ) -> None:
        answer = worker.client.generic(
            "PUT",
            f"{worker.base}/output",
            b"v",
            headers={
                "Authorization": worker.bearer,
                "Render-Receipt": make.receipt(attempt, made),
            },
            CONTENT_LENGTH=length,
        )

        assert answer.status_code == status

    @pytest.mark.django_db(transaction=True)
    def test_refuses_a_body_that_ends_early(
        self, worker: Worker, attempt: Attempt, made: Path, live_server: Any
    ) -> None:
        head = (
            f"PUT {worker.base}/output HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: {worker.bearer}\r\nRender-Receipt: {make.receipt(attempt, made)}\r\n"
            "Content-Length: 300000\r\n\r\n"
        )

        with socket.create_connection((live_server.thread.host, live_server.thread.port)) as line:
            line.sendall(head.encode() + b"v" * 10)
            line.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: line.recv(4096), b""))

        assert b" 422 " in answer.splitlines()[0]
        assert b"output-incomplete" in answer

    def test_refuses_the_file_of_a_cancelled_render(
        self, worker: Worker, attempt: Attempt, made: Path, ben: Account
    ) -> None:
        actions.cancel(render_id=attempt.render_id, by=ben, at=timezone.now())

        answer = self._put(worker, made.read_bytes(), make.receipt(attempt, made))

        assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")
        assert not files.path_of("renders").exists()


class TestFailure:
    def test_makes_room_for_another_attempt(self, attempt: Attempt) -> None:
        worker = Worker(attempt)
        worker.call("POST", "redemption")

        answer = worker.call(
            "POST", "failure", {"code": "backend-failed", "detail": "out of memory"}
        )

        attempt.refresh_from_db()
        assert (answer.status_code, attempt.end_code) == (204, "backend-failed")

    @pytest.mark.parametrize("code", ["", "Not A Code", "x" * 41, "<script>", 5])
    def test_refuses_a_code_that_is_none(self, attempt: Attempt, code: Any) -> None:
        assert Worker(attempt).call("POST", "failure", {"code": code}).status_code == 400
