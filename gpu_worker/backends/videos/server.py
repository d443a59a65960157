"""Calls to a `/v1/videos` server: a limit on every wait, try and size, and no redirect followed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import requests
import structlog
from urllib3.exceptions import HTTPError

from gpu_worker.backends.videos.configuration import Configuration
from gpu_worker.contract.errors import BackendFailed, ServiceUnreachable

T = TypeVar("T")

logger = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 3.05
READ_TIMEOUT_S = 30.0
DELETE_TIMEOUT_S = 5.0
ANSWER_SIZE_BYTES_MAX = 256 * 1024
CHUNK_SIZE_BYTES = 256 * 1024
STATUSES = frozenset({"queued", "in_progress", "completed", "failed"})
JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
BUSY = frozenset({408, 425, 429})


class NotTaken(ServiceUnreachable):
    """The server surely did not take the call, so that the same call may be made again."""


@dataclass(frozen=True)
class RemoteJob:
    """A job on the server. `fraction` is how much of it is behind, as far as the server says."""

    id: str
    status: str
    fraction: float


class Server:
    """One server. Every call has a connection of its own, so that threads do not share one.

    Each raises ServiceUnreachable where the server does not answer or has an error of its own, and
    BackendFailed where it refuses or answers with what is no answer.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._base = f"{configuration.url}/v1/videos"

    def submit(self, fields: Mapping[str, str], *, reference_jpeg: bytes) -> RemoteJob:
        """Hand in a job, once.

        Raises:
            NotTaken: there is surely no such job on the server.
        """
        files = {"input_reference": ("reference.jpg", reference_jpeg, "image/jpeg")}
        return _job(self._plain("POST", "", data=dict(fields), files=files))

    def poll(self, job_id: str) -> RemoteJob:
        """Return how far a job is."""
        return _job(self._plain("GET", f"/{job_id}"))

    def delete(self, job_id: str) -> None:
        """Have a job stopped and its files deleted. A failure is logged: the caller has its own."""
        try:
            self._call("DELETE", f"/{job_id}", lambda _: None, read_timeout_s=DELETE_TIMEOUT_S)
        except (ServiceUnreachable, BackendFailed) as exc:
            logger.warning("worker.videos.delete_failed", job_id=job_id, error=str(exc))

    def download(self, job_id: str, *, into: BinaryIO) -> None:
        """Write a finished job's video to `into`, from its beginning.

        Raises:
            BackendFailed: larger than allowed.
        """
        limit = self._configuration.download_size_bytes_max

        def receive(answer: requests.Response) -> None:
            said = answer.headers.get("Content-Length", "")
            if said.isdigit() and int(said) > limit:
                raise BackendFailed(what="videos-size", size_bytes_max=limit)
            into.seek(0)
            into.truncate()
            for chunk in answer.raw.stream(CHUNK_SIZE_BYTES, decode_content=False):
                if into.tell() + len(chunk) > limit:
                    raise BackendFailed(what="videos-size", size_bytes_max=limit)
                into.write(chunk)
            into.flush()

        self._call("GET", f"/{job_id}/content", receive)

    def _plain(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        def receive(answer: requests.Response) -> Mapping[str, Any]:
            body = answer.raw.read(ANSWER_SIZE_BYTES_MAX + 1, decode_content=False)
            try:
                plain = json.loads(body) if len(body) <= ANSWER_SIZE_BYTES_MAX else None
            except (ValueError, RecursionError):
                plain = None
            if not isinstance(plain, dict):
                raise BackendFailed(what="videos-answer")
            return plain

        return self._call(method, path, receive, **options)

    def _call(
        self, method: str, path: str, receive: Callable[[requests.Response], T], *,
        read_timeout_s: float = READ_TIMEOUT_S, **options: Any,
    ) -> T:  # fmt: skip
        with requests.Session() as session:
            session.trust_env = False  # No proxy, no .netrc: faces go to the server alone.
            session.headers["Accept-Encoding"] = "identity"
            if self._configuration.api_key:
                session.headers["Authorization"] = f"Bearer {self._configuration.api_key}"
            try:
                with session.request(
                    method, f"{self._base}{path}", timeout=(CONNECT_TIMEOUT_S, read_timeout_s),
                    allow_redirects=False, stream=True, **options,
                ) as answer:  # fmt: skip
                    _require_good(answer.status_code)
                    return receive(answer)
            except requests.ConnectTimeout as exc:
                raise NotTaken(call="videos") from exc
            except (requests.RequestException, HTTPError) as exc:
                raise ServiceUnreachable(call="videos", cause=type(exc).__name__) from exc


def _require_good(status: int) -> None:
    if status in BUSY or status == 503:
        raise NotTaken(call="videos", status=status)
    if status >= 500:
        raise ServiceUnreachable(call="videos", status=status)
    if not 200 <= status < 300:
        raise BackendFailed(what="videos-refused", status=status)


def _job(plain: Mapping[str, Any]) -> RemoteJob:
    job_id, status, progress = plain.get("id"), plain.get("status"), plain.get("progress")
    if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id) or status not in STATUSES:
        raise BackendFailed(what="videos-answer")
    is_number = isinstance(progress, (int, float)) and 0 <= progress <= 100
    return RemoteJob(job_id, str(status), float(progress or 0) / 100 if is_number else 0.0)
