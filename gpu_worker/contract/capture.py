"""A capture, encrypted for one job: AES-256-GCM in chunks, so that it streams both ways.

STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", 2015): each chunk's nonce holds its index and whether it is the last one, so that a
chunk dropped, repeated, moved or cut off at the end is noticed. Exact bytes: docs/spec/worker.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gpu_worker.contract.errors import CaptureUnreadable

MAGIC = b"CSCAP\x01"
KEY_SIZE_BYTES = 32
PREFIX_SIZE_BYTES = 7
TAG_SIZE_BYTES = 16
CHUNK_SIZE_BYTES = 64 * 1024
CHUNKS_MAX = 2**14  # 1 GiB.


class Reader(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes: ...


def new_key() -> bytes:
    """Return a fresh one-job key, 32 bytes."""
    return AESGCM.generate_key(bit_length=256)


def context(*, render_id: UUID, attempt_id: UUID, cameo_ref: str) -> bytes:
    """Return what a capture's encryption is bound to: a capture of another job does not decrypt."""
    return f"countersign-capture/1\n{render_id}\n{attempt_id}\n{cameo_ref}".encode()


def encrypt(reader: Reader, key: bytes, context: bytes) -> Iterator[bytes]:
    """Yield the encrypted capture: a header, then one sealed chunk after the other.

    Raises:
        ValueError: the capture is longer than `CHUNKS_MAX` chunks.
    """
    cipher, prefix = AESGCM(key), os.urandom(PREFIX_SIZE_BYTES)
    yield MAGIC + prefix
    chunk = _read_exactly(reader, CHUNK_SIZE_BYTES)
    for index in range(CHUNKS_MAX):
        following = _read_exactly(reader, CHUNK_SIZE_BYTES)
        yield cipher.encrypt(_nonce(prefix, index, last=not following), chunk, context)
        if not following:
            return
        chunk = following
    raise ValueError("too long")


def decrypt(reader: Reader, key: bytes, context: bytes) -> Iterator[bytes]:
    """Yield the capture's bytes. Nothing of a chunk is yielded before it was authenticated.

    Raises:
        CaptureUnreadable: cut short, changed, reordered, or sealed under another key or context.
            Chunks yielded before are authentic, but the whole is not: throw them away.
    """
    cipher = AESGCM(key)
    header = _read_exactly(reader, len(MAGIC) + PREFIX_SIZE_BYTES)
    if len(header) != len(MAGIC) + PREFIX_SIZE_BYTES or not header.startswith(MAGIC):
        raise CaptureUnreadable(at="header")
    prefix = header[len(MAGIC) :]
    sealed = _read_exactly(reader, CHUNK_SIZE_BYTES + TAG_SIZE_BYTES)
    for index in range(CHUNKS_MAX):
        following = _read_exactly(reader, CHUNK_SIZE_BYTES + TAG_SIZE_BYTES)
        try:
            yield cipher.decrypt(_nonce(prefix, index, last=not following), sealed, context)
        except InvalidTag as exc:
            raise CaptureUnreadable(at=index) from exc
        if not following:
            return
        sealed = following
    raise CaptureUnreadable(at="end")


def decrypt_into(target: BinaryIO, *, reader: Reader, key: bytes, context: bytes) -> int:
    """Write the whole capture to `target` and return its size in bytes. Raises CaptureUnreadable."""
    return sum(target.write(chunk) for chunk in decrypt(reader, key, context))


def _nonce(prefix: bytes, index: int, *, last: bool) -> bytes:
    return prefix + index.to_bytes(4, "big") + bytes([last])


def _read_exactly(reader: Reader, size: int) -> bytes:
    """Return `size` bytes, or fewer at the end. A reader may give less than it is asked for."""
    parts, missing = [], size
    while missing and (part := reader.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
