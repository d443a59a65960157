"""The worker's calls to the service (ADR 4): typed errors, a limit on every wait, try and size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import requests
import structlog

from gpu_worker.contract import capture, errors
from gpu_worker.contract import keys as key_sets
from gpu_worker.contract.errors import (
    CaptureUnreadable,
    ContractError,
    ParentUnreadable,
    ServiceRefused,
    ServiceUnreachable,
)

logger = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 3.05
READ_TIMEOUT_S = 20.0
UPLOAD_TIMEOUT_S = 120.0
BEAT_TIMEOUT_S = 5.0
TRIES = 5
BACKOFF_S = 0.2  # Doubled after each try: 0.2, 0.4, 0.8, 1.6.
CAPTURE_SIZE_BYTES_MAX = 256 * 1024 * 1024
PARENT_SIZE_BYTES_MAX = 1024 * 1024 * 1024
ANSWER_SIZE_BYTES_MAX = 256 * 1024
CHUNK_SIZE_BYTES = 256 * 1024

Check = Callable[[], None]  # Raises when the work is to stop.


def _never() -> None:
    """Say that nothing stops the work."""


@dataclass(frozen=True)
class Beat:
    """What one beat tells the service."""

    stage: str
    fraction: float
    seconds_left: float | None


class Service:
    """One render's calls. Not to be shared between threads: give each its own.

    Every method raises ServiceUnreachable when the service does not answer in `TRIES` tries, and
    otherwise the contract's error that the answer's problem names, or ServiceRefused.
    """

    def __init__(self, url: str, *, render_id: UUID, permit: str, check: Check = _never) -> None:
        self._base = f"{url}/worker/v1/renders/{render_id}"
        self._check = check
        self._session = requests.Session()
        self._session.trust_env = (
            False  # No proxy, no .netrc: the permit goes to the service alone.
        )
        self._session.headers["Authorization"] = f"Bearer {permit}"

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()

    def redeem(self) -> Any:
        """Return the one-job secrets as plain data; once per permit.

        Raises:
            PermitRedeemed: somebody has them already, perhaps an earlier try of this call whose
                answer was lost. Then the service notices that no beats come, and makes a new attempt.
        """
        return self._json(self._call("POST", "redemption"))

    def capture(self, cameo_ref: str, *, key: bytes, context: bytes) -> bytes:
        """Return one capture, decrypted in memory.

        Raises:
            CaptureUnreadable: cut short, changed, of another job, or too large.
        """
        with self._call("GET", f"captures/{cameo_ref}", stream=True) as answer:
            plain = bytearray()
            for chunk in capture.decrypt(self._reader(answer), key, context):
                plain += chunk
                self._check()
                if len(plain) > CAPTURE_SIZE_BYTES_MAX:
                    raise CaptureUnreadable(at="size")
            return bytes(plain)

    def parent(self, *, into: BinaryIO) -> None:
        """Write the parent's released file to `into`.

        Raises:
            ParentUnreadable: too large.
        """
        with self._call("GET", "parent", stream=True) as answer:
            size, reader = 0, self._reader(answer)
            while chunk := reader.read(CHUNK_SIZE_BYTES):
                self._check()
                size += into.write(chunk)
                if size > PARENT_SIZE_BYTES_MAX:
                    raise ParentUnreadable(at="size")

    def beat(self, beat: Beat) -> bool:
        """Tell how far it is, once, without trying again; return whether to stop."""
        body = {
            "stage": beat.stage,
            "fraction": round(beat.fraction, 4),
            "seconds_left": None if beat.seconds_left is None else round(beat.seconds_left, 1),
        }
        answer = self._json(
            self._call("POST", "beats", json=body, tries=1, timeout_s=BEAT_TIMEOUT_S)
        )
        return isinstance(answer, dict) and answer.get("cancel") is True

    def upload(self, path: Path, *, receipt: str) -> None:
        """Hand in the result. Sent twice, it is still one result: the service knows its SHA-256."""
        headers = {"Render-Receipt": receipt, "Content-Type": "video/mp4"}
        for number in range(TRIES):
            with path.open("rb") as file:
                try:
                    self._call(
                        "PUT", "output", data=file, headers=headers, tries=1,
                        timeout_s=UPLOAD_TIMEOUT_S,
                    ).close()  # fmt: skip
                except ServiceUnreachable:
                    if number == TRIES - 1:
                        raise
                    self._wait(number)
                else:
                    return

    def fail(self, error: ContractError) -> None:
        """Tell why there will be no result from this attempt."""
        body = {"code": error.code, "detail": str(error)[:500]}
        self._call("POST", "failure", json=body).close()

    def _call(
        self, method: str, path: str, *, tries: int = TRIES, timeout_s: float = READ_TIMEOUT_S,
        **options: Any,
    ) -> requests.Response:  # fmt: skip
        """Return a good answer, trying again where the service may be back soon."""
        for number in range(tries):
            self._check()
            try:
                answer = self._session.request(
                    method, f"{self._base}/{path}", timeout=(CONNECT_TIMEOUT_S, timeout_s),
                    allow_redirects=False, **options,
                )  # fmt: skip
            except requests.RequestException as exc:
                problem: ContractError = ServiceUnreachable(call=path.split("/", maxsplit=1)[0])
                problem.__cause__ = exc
            else:
                if 200 <= answer.status_code < 300:
                    return answer
                problem = _problem(answer, call=path.split("/", maxsplit=1)[0])
                answer.close()
            if not isinstance(problem, ServiceUnreachable) or number == tries - 1:
                raise problem
            self._wait(number)
        raise AssertionError("unreachable")

    def _wait(self, number: int) -> None:
        until = time.monotonic() + BACKOFF_S * 2**number
        while (left := until - time.monotonic()) > 0:
            self._check()
            time.sleep(min(left, 0.1))

    def _json(self, answer: requests.Response) -> Any:
        with answer:
            try:
                return answer.json()
            except ValueError as exc:
                raise ServiceRefused(status=answer.status_code, code="not-json") from exc

    def _reader(self, answer: requests.Response) -> _Body:
        return _Body(answer)


class _Body:
    """An answer's body as a reader: what breaks on the way is the service being out of reach."""

    def __init__(self, answer: requests.Response) -> None:
        self._raw = answer.raw
        self._raw.decode_content = False

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._raw.read(size))
        except Exception as exc:  # urllib3's own errors have no common public family of reading.
            raise ServiceUnreachable(call="body") from exc


def permit_keys(service_url: str) -> dict[str, Any]:
    """Return the service's public permit keys from `GET /worker/v1/jwks`.

    Raises:
        ServiceUnreachable: no good answer.
    """
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(
                f"{service_url}/worker/v1/jwks",
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False,
                stream=True,
            )
            answer.raise_for_status()
            body = answer.raw.read(ANSWER_SIZE_BYTES_MAX, decode_content=True)
            answer.close()
            return dict(key_sets.from_jwks(json.loads(body)))
    except (requests.RequestException, ValueError) as exc:
        raise ServiceUnreachable(call="jwks") from exc


def _problem(answer: requests.Response, *, call: str) -> ContractError:
    """Return the error that an answer's problem (RFC 9457) names."""
    if answer.status_code == 429 or answer.status_code >= 500:
        return ServiceUnreachable(call=call, status=answer.status_code)
    try:
        body = answer.json()
    except (requests.RequestException, ValueError):
        body = None
    code = body.get("code") if isinstance(body, dict) else None
    kind = errors.by_code().get(code) if isinstance(code, str) else None
    if kind is not None:
        return kind(call=call)
    return ServiceRefused(call=call, status=answer.status_code, code=str(code)[:40])
