"""Chunked AES-256-GCM for files: changed, cut, extended and reordered files are all refused. Pure.

Layout: magic `CSF1`, a 32-byte random salt, then chunks of 65,536 plaintext bytes (the last may be
shorter, also empty), each followed by its 16-byte tag. The file's key is HKDF-SHA256(key, salt); the
nonce of a chunk is its 11-byte big-endian number and a byte that is 1 on the last one only. This is
the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar, 2015) as in age-encryption.org/v1.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"CSF1"
SALT_SIZE_BYTES = 32
CHUNK_SIZE_BYTES = 65_536
TAG_SIZE_BYTES = 16


class NotAuthentic(Exception):
    """The file is not what was encrypted under this key and context."""


def encrypt(key: bytes, source: Path, target: Path, context: bytes) -> None:
    """Encrypt `source` to `target`, which appears whole or not at all."""
    salt = secrets.token_bytes(SALT_SIZE_BYTES)
    cipher = _cipher(key, salt)

    def write(output: BinaryIO) -> None:
        output.write(MAGIC + salt)
        with source.open("rb") as file:
            number, chunk = 0, file.read(CHUNK_SIZE_BYTES)
            is_last = False
            while not is_last:
                following = file.read(CHUNK_SIZE_BYTES)
                is_last = not following
                output.write(cipher.encrypt(_nonce(number, is_last=is_last), chunk, context))
                number, chunk = number + 1, following

    _write_whole(target, write)


def decrypt(key: bytes, source: Path, target: Path, context: bytes) -> None:
    """Decrypt `source` to `target`, which appears whole, and only when all of it was authentic.

    Raises:
        NotAuthentic: another key or context, or the file was changed, cut, extended or reordered.
    """

    def write(output: BinaryIO) -> None:
        with source.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise NotAuthentic
            cipher = _cipher(key, file.read(SALT_SIZE_BYTES))
            number, chunk = 0, file.read(CHUNK_SIZE_BYTES + TAG_SIZE_BYTES)
            is_last = False
            while not is_last:
                following = file.read(CHUNK_SIZE_BYTES + TAG_SIZE_BYTES)
                is_last = not following
                try:
                    nonce = _nonce(number, is_last=is_last)
                    output.write(cipher.decrypt(nonce, chunk, context))
                except (InvalidTag, ValueError) as exc:
                    raise NotAuthentic from exc
                number, chunk = number + 1, following

    _write_whole(target, write)


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    derive = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"countersign/vault/file/v1")
    return AESGCM(derive.derive(key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")


def _write_whole(target: Path, write: Callable[[BinaryIO], None]) -> None:
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".partial-")  # 0600.
    try:
        with os.fdopen(descriptor, "wb") as output:
            write(output)
            output.flush()
            os.fsync(output.fileno())
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
