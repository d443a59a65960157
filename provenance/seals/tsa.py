"""The development time-stamp authority's door: HTTP on loopback, small and with limits.

Source: RFC 3161, 3.4 (time-stamp protocol over HTTP).
"""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from provenance.seals import timestamps
from provenance.seals.timestamps import Authority

logger = structlog.get_logger(__name__)

QUERY_TYPE, REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"
CONNECTIONS_MAX = 16
SOCKET_TIMEOUT_S = 5


class TimeStampServer(ThreadingHTTPServer):
    """Answers at most 16 requests at once; a further one is closed unanswered."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], *, authority: Authority) -> None:
        super().__init__(address, _Handler)
        self.authority = authority
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand the connection to a thread if there is a place."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away or stalls is its own affair."""
        logger.info("tsa.connection_failed")


class _Handler(BaseHTTPRequestHandler):
    server: TimeStampServer
    timeout = SOCKET_TIMEOUT_S
    server_version, sys_version = "Countersign-TSA", ""

    def do_POST(self) -> None:
        """Answer one request; a body that no request can be never reaches the parser."""
        if self.headers.get_content_type() != QUERY_TYPE:
            self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            return
        if int(length) > timestamps.REQUEST_SIZE_BYTES_MAX:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(length))
        reply = timestamps.answer(body, authority=self.server.authority, at=datetime.now(UTC))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", REPLY_TYPE)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # The base's own name.
        """Count, without addresses or paths."""
        logger.debug("tsa.request")


def make_server(host: str, port: int, *, authority: Authority) -> TimeStampServer:
    """Return a server bound to an address of loopback.

    Raises:
        ValueError: the address is not of loopback; this authority is for development.
    """
    address = socket.gethostbyname(host)
    if not address.startswith("127."):
        raise ValueError(host)
    return TimeStampServer((address, port), authority=authority)
