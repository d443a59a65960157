"""Uploads: a limit, an exact length, and nothing left behind."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest

from ledger.cameos import uploads
from ledger.cameos.errors import CaptureIncomplete, CaptureMissing, CaptureTooLarge


class Gone(io.BytesIO):
    """A connection that breaks when it is read."""

    def read(self, *_size: Any) -> bytes:
        raise OSError("gone")


def request(body: io.BytesIO, announced: str | None) -> WSGIRequest:
    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/", "wsgi.input": body}
    return WSGIRequest(environ if announced is None else environ | {"CONTENT_LENGTH": announced})


class TestReceived:
    def test_gives_the_body_as_a_file_for_as_long_as_it_is_needed(self) -> None:
        body = bytes(range(256)) * 4_000

        with uploads.received(
            request(io.BytesIO(body), str(len(body))), size_bytes_max=len(body)
        ) as path:
            assert path.read_bytes() == body
            assert path.stat().st_mode & 0o077 == 0

        assert not path.exists()

    @pytest.mark.parametrize(
        ("body", "announced", "error"),
        [
            (io.BytesIO(b""), "0", CaptureMissing),
            (io.BytesIO(b"body"), None, CaptureMissing),
            (io.BytesIO(b"body"), "four", CaptureMissing),
            (io.BytesIO(b"body"), "-4", CaptureMissing),
            (io.BytesIO(b"x" * 11), "11", CaptureTooLarge),
            (io.BytesIO(b"body"), "5", CaptureIncomplete),
            (Gone(), "5", CaptureIncomplete),
        ],
    )
    def test_refuses(self, body: io.BytesIO, announced: str | None, error: type[Exception]) -> None:
        with (
            pytest.raises(error),
            uploads.received(request(body, announced), size_bytes_max=10),
        ):
            pass
