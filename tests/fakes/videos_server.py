"""A stand-in for a `/v1/videos` server: a real HTTP server that makes a small MP4 for each job.

It keeps to what SGLang-Diffusion and vLLM-Omni document: multipart in, a job's record out, content when
it is completed. What a test wants to go wrong is said by its attributes.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.factories import worker


@dataclass
class VideosServer:
    """What the server makes and what came."""

    # What goes wrong.
    broken_calls: dict[str, list[int]] = field(default_factory=dict)  # HTTP statuses, one a call.
    polls_until_done: int = 2  # Progress goes up evenly in between.
    fails: bool = False
    content: bytes | None = None  # Instead of a video.
    says_length: int | None = None  # Instead of the true one.
    answer: bytes | None = None  # Instead of a record.
    submit_delay_s: float = 0.0
    makes: dict[str, Any] = field(default_factory=dict)  # Of `worker.capture`.
    # What came.
    url: str = ""
    calls: list[str] = field(default_factory=list)
    fields: dict[str, bytes] = field(default_factory=dict)
    authorization: str = ""
    jobs: dict[str, int] = field(default_factory=dict)  # Polls so far, of each job that is there.
    deleted_at_s: list[float] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, call: str, *, count: int = 1, timeout_s: float = 20) -> None:
        """Return once so many calls of that name have come, or fail."""
        with self.came:
            assert self.came.wait_for(lambda: self.calls.count(call) >= count, timeout_s), call

    def record(self, job_id: str) -> bytes:
        """Return a job's record."""
        polls = self.jobs[job_id]
        done = polls >= self.polls_until_done
        status = ("failed" if self.fails else "completed") if done else "in_progress"
        return json.dumps({
            "id": job_id, "object": "video", "model": "small", "created_at": 1,
            "status": status if polls else "queued",
            "progress": min(100, round(100 * polls / max(1, self.polls_until_done))),
            "error": {"message": "out of memory"} if status == "failed" else None,
        }).encode()  # fmt: skip

    def made(self) -> bytes:
        """Return a video as asked for, or what is served instead."""
        if self.content is not None:
            return self.content
        width, height = (int(side) for side in self.fields["size"].split(b"x"))
        fps = int(self.fields["fps"])
        return worker.capture(**{
            "seconds": int(self.fields["num_frames"]) / fps, "fps": fps, "width_px": width,
            "height_px": height, "who": 1, **self.makes,
        })  # fmt: skip


@contextmanager
def serving(**known: Any) -> Iterator[VideosServer]:
    """Run a stand-in on a free port of this machine."""
    fake = VideosServer(**known)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def parts_of(kind: str, body: bytes) -> dict[str, bytes]:
    """Return the parts of a multipart form by their names."""
    whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    found = {}
    for part in whole.walk():
        name, content = (
            part.get_param("name", header="content-disposition"),
            part.get_payload(decode=True),
        )
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content
    return found


def _handler(fake: VideosServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            job_id = self.path.removeprefix("/v1/videos").strip("/").removesuffix("/content")
            call = {"POST": "submit", "DELETE": "delete"}.get(self.command, "poll")
            if self.path.endswith("/content"):
                call = "content"
            with fake.came:
                fake.calls.append(call)
                fake.came.notify_all()
            if fake.broken_calls.get(call):
                self._answer(fake.broken_calls[call].pop(0), b"{}")
            elif call == "submit":
                fake.authorization = self.headers.get("Authorization") or ""
                fake.fields = parts_of(self.headers["Content-Type"], body)
                time.sleep(fake.submit_delay_s)
                name = f"video_{len(fake.jobs) + 1}"
                fake.jobs[name] = 0
                self._answer(200, fake.answer or fake.record(name))
            elif job_id not in fake.jobs:
                self._answer(404, b'{"detail": "Video not found"}')
            elif call == "delete":
                del fake.jobs[job_id]
                fake.deleted_at_s.append(time.monotonic())
                self._answer(200, b"{}")
            elif call == "poll":
                fake.jobs[job_id] += 1
                self._answer(200, fake.record(job_id))
            else:
                self._answer(200, fake.made(), kind="video/mp4", says_length=fake.says_length)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 -- http.server calls them so.

        def _answer(
            self, status: int, body: bytes, *, kind: str = "application/json",
            says_length: int | None = None,
        ) -> None:  # fmt: skip
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(says_length or len(body)))
            if 300 <= status < 400:
                self.send_header("Location", f"{fake.url}/elsewhere")
            self.close_connection = True
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
