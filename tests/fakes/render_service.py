"""A stand-in for the service's side of ADR 4: a real HTTP server that keeps to the same rules.

It redeems a permit once, encrypts captures for the job, and keeps what it is handed. What a test wants
to go wrong is said by its attributes.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gpu_worker.contract import capture, keys, permit, redemption
from gpu_worker.contract.job import Job
from tests.factories import worker

PATHS = re.compile(r"/worker/v1/renders/([0-9a-f-]{36})/([a-z]+)(?:/([A-Za-z0-9_-]+))?")


@dataclass
class RenderService:
    """What the service knows and what it was told."""

    key: Ed25519PrivateKey
    captures: dict[str, bytes] = field(default_factory=dict)
    parent: bytes = b""
    mark_key: bytes = b"\x07" * 32
    mark_payload: bytes = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    # What goes wrong.
    cancels_after_beats: int | None = None
    broken_calls: dict[str, list[int]] = field(default_factory=dict)  # HTTP statuses, one a call.
    changes_captures: bool = False
    # What came.
    url: str = ""
    calls: list[str] = field(default_factory=list)
    beats: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[tuple[bytes, str]] = field(default_factory=list)
    redeemed: set[str] = field(default_factory=set)
    cancelled_at_s: float | None = None
    job_keys: dict[str, bytes] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    came: threading.Condition = field(default_factory=threading.Condition)

    def permit_for(self, asked: Job, **changes: Any) -> str:
        """Return a permit for a job, signed with the service's key."""
        return worker.permit_for(asked, key=self.key, **changes)

    def wait_for(self, call: str, *, count: int = 1, timeout_s: float = 20) -> None:
        """Return once so many calls of that name have come, or fail."""
        with self.came:
            assert self.came.wait_for(lambda: self.calls.count(call) >= count, timeout_s), call

    def answer(
        self, call: str, claims: permit.PermitClaims, what: str, body: bytes, receipt: str
    ) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        if self.broken_calls.get(call):
            status = self.broken_calls[call].pop(0)
            return status, _problem("unavailable" if status >= 500 else "refused")
        return getattr(self, f"_{call}")(claims, what, body, receipt)  # type: ignore[no-any-return]  # By name.

    def _redemption(self, claims: permit.PermitClaims, *_: Any) -> tuple[int, bytes]:
        with self.lock:
            if str(claims.attempt_id) in self.redeemed:
                return 409, _problem("permit-redeemed")
            self.redeemed.add(str(claims.attempt_id))
        for reference in self.captures:
            self.job_keys[reference] = capture.new_key()
        secrets = redemption.Redemption(dict(self.job_keys), self.mark_key, self.mark_payload)
        return 200, json.dumps(redemption.to_plain(secrets)).encode()

    def _captures(self, claims: permit.PermitClaims, what: str, *_: Any) -> tuple[int, bytes]:
        if what not in self.captures:
            return 404, _problem("not-found")
        context = capture.context(
            render_id=claims.render_id, attempt_id=claims.attempt_id, cameo_ref=what
        )
        sealed = capture.encrypt(io.BytesIO(self.captures[what]), self.job_keys[what], context)
        data = bytearray(b"".join(sealed))
        if self.changes_captures:
            data[-1] ^= 1
        return 200, bytes(data)

    def _parent(self, *_: Any) -> tuple[int, bytes]:
        return 200, self.parent

    def _beats(
        self, claims: permit.PermitClaims, what: str, body: bytes, *_: Any
    ) -> tuple[int, bytes]:
        self.beats.append(json.loads(body))
        cancel = self.cancels_after_beats is not None and (
            len(self.beats) > self.cancels_after_beats
        )
        if cancel and self.cancelled_at_s is None:
            self.cancelled_at_s = time.monotonic()
        return 200, json.dumps({"cancel": cancel}).encode()

    def _output(
        self, claims: permit.PermitClaims, what: str, body: bytes, receipt: str
    ) -> tuple[int, bytes]:
        self.outputs.append((body, receipt))
        return 201, b"{}"

    def _failure(
        self, claims: permit.PermitClaims, what: str, body: bytes, *_: Any
    ) -> tuple[int, bytes]:
        self.failures.append(json.loads(body))
        return 204, b""


@contextmanager
def serving(**known: Any) -> Iterator[RenderService]:
    """Run a stand-in on a free port of this machine."""
    service = RenderService(key=Ed25519PrivateKey.generate(), **known)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(service: RenderService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/worker/v1/jwks":
                self._answer(200, json.dumps(keys.to_jwks([service.key.public_key()])).encode())
                return
            found = PATHS.fullmatch(self.path)
            if found is None:
                self._answer(404, _problem("not-found"))
                return
            render_id, call, what = found[1], found[2], found[3] or ""
            public = service.key.public_key()
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            claims = permit.read(token, keys={keys.key_id(public): public})
            if str(claims.render_id) != render_id:
                self._answer(403, _problem("permit-signature"))
                return
            receipt = self.headers.get("Render-Receipt") or ""
            status, answer = service.answer(call, claims, what, body, receipt)
            with service.came:
                service.calls.append(call)
                service.came.notify_all()
            self._answer(status, answer)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 -- http.server calls them so.

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status != HTTPStatus.NO_CONTENT:
                kind = "application/json" if status < 400 else "application/problem+json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != HTTPStatus.NO_CONTENT:
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def _problem(code: str) -> bytes:
    return json.dumps({"type": f"/problems/{code}", "code": code, "title": code}).encode()
