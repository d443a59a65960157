"""Where the files of renders lie: below the default storage's folder, which no address reaches."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import UUID

from django.core.files.storage import default_storage

CHUNK_SIZE_BYTES = 256 * 1024


class Reader(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes: ...


def output_name(*, render_id: UUID, attempt_id: UUID) -> str:
    """Return the name of a worker's file."""
    return f"renders/{render_id}/output-{attempt_id}.mp4"


def sealed_name(*, render_id: UUID, sha256: bytes) -> str:
    """Return the name of a sealed file: by its content, so that two sealers never overwrite."""
    return f"renders/{render_id}/sealed-{sha256.hex()}.mp4"


def path_of(name: str) -> Path:
    """Return where the file of this name lies."""
    return Path(default_storage.path(name))


def put(source: Path, name: str) -> None:
    """Move a whole file to its name, durably. Repeating it with the same content is harmless."""
    target = path_of(name)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def destroy(name: str) -> None:
    """Delete the file of this name, if it is there."""
    if name:
        path_of(name).unlink(missing_ok=True)


def tidy(render_id: UUID, *, keep: Iterable[str]) -> None:
    """Delete everything in a render's folder but the files of these names."""
    folder, kept = path_of(f"renders/{render_id}"), {path_of(name) for name in keep if name}
    for path in folder.glob("*") if folder.exists() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path not in kept:
            path.unlink(missing_ok=True)


@contextmanager
def workplace(render_id: UUID) -> Iterator[Path]:
    """Give a private folder on the same disk, and delete it afterwards."""
    folder = path_of(f"renders/{render_id}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".work-") as place:
        yield Path(place)


def receive(reader: Reader, target: Path, *, size_bytes: int) -> bytes:
    """Write at most `size_bytes` of a stream to `target`; return SHA-256 of what came."""
    digest, missing = hashlib.sha256(), size_bytes
    with target.open("wb") as file:
        while missing and (chunk := reader.read(min(CHUNK_SIZE_BYTES, missing))):
            file.write(chunk)
            digest.update(chunk)
            missing -= len(chunk)
    return digest.digest()


def digest(path: Path) -> bytes:
    """Return SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def read_range(path: Path, *, first_byte: int, last_byte: int) -> Iterator[bytes]:
    """Yield the bytes from `first_byte` to `last_byte`, both included."""
    with path.open("rb") as file:
        file.seek(first_byte)
        missing = last_byte - first_byte + 1
        while missing and (chunk := file.read(min(CHUNK_SIZE_BYTES, missing))):
            missing -= len(chunk)
            yield chunk
