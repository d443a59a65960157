"""A raw upload: streamed to a temporary file with a limit, and gone when the caller is done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.http import HttpRequest, RawPostDataException
from django.http.request import UnreadablePostError

from provenance.lookup.errors import FileIncomplete, FileMissing, FileTooLarge

CHUNK_SIZE_BYTES: Final = 256 * 1024


@contextmanager
def received(request: HttpRequest, *, size_bytes_max: int) -> Iterator[Path]:
    """Yield the request's body as a file, 0600, deleted when the block ends.

    Raises:
        FileMissing: there is no body, or no Content-Length.
        FileTooLarge: it is announced larger than the limit; nothing is read.
        FileIncomplete: it ended before its announced length.
    """
    announced = _announced(request)
    if announced == 0:
        raise FileMissing
    if announced > size_bytes_max:
        raise FileTooLarge(size_bytes=announced, limit_bytes=size_bytes_max)
    with tempfile.NamedTemporaryFile(prefix="countersign-lookup-") as file:
        missing = announced
        try:
            while missing and (chunk := request.read(min(CHUNK_SIZE_BYTES, missing))):
                missing -= len(chunk)
                file.write(chunk)
        except (UnreadablePostError, RawPostDataException, OSError) as exc:
            raise FileIncomplete(announced_bytes=announced) from exc
        if missing:
            raise FileIncomplete(announced_bytes=announced)
        file.flush()
        yield Path(file.name)


def _announced(request: HttpRequest) -> int:
    try:
        return max(int(request.headers.get("Content-Length") or 0), 0)
    except ValueError:
        return 0
