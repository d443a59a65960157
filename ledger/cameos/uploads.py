"""A raw upload: streamed to a temporary file with a limit, and gone when the caller is done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.http import HttpRequest, RawPostDataException
from django.http.request import UnreadablePostError

from ledger.cameos.errors import CaptureIncomplete, CaptureMissing, CaptureTooLarge

CHUNK_SIZE_BYTES = 262_144


@contextmanager
def received(request: HttpRequest, *, size_bytes_max: int) -> Iterator[Path]:
    """Yield the request's body as a file, 0600, deleted when the block ends.

    Raises:
        CaptureMissing: there is no body, or no Content-Length.
        CaptureTooLarge: it is announced or found larger than the limit; nothing more is read.
        CaptureIncomplete: it ended before its announced length.
    """
    announced = _announced(request)
    if announced == 0:
        raise CaptureMissing
    if announced > size_bytes_max:
        raise CaptureTooLarge(size_bytes=announced, limit_bytes=size_bytes_max)
    with tempfile.NamedTemporaryFile(prefix="countersign-capture-") as file:
        size = 0
        try:
            while chunk := request.read(CHUNK_SIZE_BYTES):
                size += len(chunk)
                if size > size_bytes_max:
                    raise CaptureTooLarge(size_bytes=size, limit_bytes=size_bytes_max)
                file.write(chunk)
        except (UnreadablePostError, RawPostDataException, OSError) as exc:
            raise CaptureIncomplete(size_bytes=size, announced_bytes=announced) from exc
        if size != announced:
            raise CaptureIncomplete(size_bytes=size, announced_bytes=announced)
        file.flush()
        yield Path(file.name)


def _announced(request: HttpRequest) -> int:
    try:
        return max(int(request.headers.get("Content-Length") or 0), 0)
    except ValueError:
        return 0
