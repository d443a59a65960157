"""What a platform's client would write to use Countersign: plain HTTP, tokens, idempotency keys."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

TIMEOUT_S = 60
POLL_S = 0.2
CHUNK_SIZE_BYTES = 1 << 20


class Problem(RuntimeError):
    """The service answered with an RFC 9457 problem."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(
            f"{status} {body.get('code')}: {body.get('title')} {body.get('errors', '')}"
        )
        self.status = status
        self.code = str(body.get("code"))
        self.body = body


class Client:
    """One caller of the API. `token` empty is somebody without an account."""

    def __init__(self, *, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **parameters: object) -> Any:
        """Return the JSON of `GET /api/v1/{path}`."""
        return self._json("GET", f"/api/v1/{path}", params=parameters)

    def post(self, path: str, body: Mapping[str, object] | None = None, **options: Any) -> Any:
        """Return the JSON of a POST, sent under an idempotency key of its own."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self._json("POST", f"/api/v1/{path}", json=body or {}, headers=headers, **options)

    def put(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Return the JSON of a PUT."""
        return self._json("PUT", f"/api/v1/{path}", json=body or {})

    def delete(self, path: str) -> Any:
        """Return the JSON of a DELETE."""
        return self._json("DELETE", f"/api/v1/{path}")

    def upload(self, path: str, file: Path, content_type: str) -> Any:
        """Send a file as a raw body."""
        with file.open("rb") as body:
            return self._json(
                "PUT", f"/api/v1/{path}", data=body, headers={"Content-Type": content_type}
            )

    def download(self, path: str, target: Path, **headers: str) -> requests.Response:
        """Save what an address answers; the path is from the server's root."""
        with self._session.get(
            self.url + path, headers=headers, stream=True, timeout=TIMEOUT_S
        ) as answer:
            _check(answer)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for chunk in answer.iter_content(CHUNK_SIZE_BYTES):
                    file.write(chunk)
            return answer

    def status_of(self, path: str) -> int:
        """Return only the status of a GET, the path from the server's root."""
        with self._session.get(self.url + path, stream=True, timeout=TIMEOUT_S) as answer:
            return answer.status_code

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self._session.request(method, self.url + path, timeout=TIMEOUT_S, **options)
        _check(answer)
        return answer.json() if answer.content else None


def _check(answer: requests.Response) -> None:
    if answer.status_code < 400:
        return
    try:
        body = answer.json()
    except ValueError:
        body = {"code": "not-a-problem", "title": answer.text[:300]}
    raise Problem(answer.status_code, body)


def wait_for(
    what: str, look: Callable[[], Any], *, timeout_s: float, poll_s: float = POLL_S
) -> Any:
    """Return the first true answer of `look`.

    Raises:
        TimeoutError: none came in time; the message says what was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if answer := look():
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(poll_s)


def expect_problem(code: str, act: Callable[[], Any]) -> Problem:
    """Return the problem that `act` is answered with, which must carry `code`.

    Raises:
        AssertionError: it was let through, or refused for another reason.
    """
    try:
        act()
    except Problem as problem:
        if problem.code != code:
            raise AssertionError(f"refused with {problem.code}, not {code}") from problem
        return problem
    raise AssertionError(f"was let through; {code} was due")
