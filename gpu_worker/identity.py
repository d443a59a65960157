"""The worker's own signing key: made on first use, and published for the service."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gpu_worker.contract import keys


def load(path: Path) -> Ed25519PrivateKey:
    """Return the key in that file, which is made, mode 0600, where there is none.

    Raises:
        ValueError: the file holds another kind of key, or none.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _create(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key


def publish(key: Ed25519PrivateKey, *, folder: Path) -> Path:
    """Write the key's public half into a folder under its own name, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    public = key.public_key()
    return _replace(folder / f"{keys.key_id(public)}.pem", keys.to_pem(public), mode=0o644)


def _create(path: Path) -> None:
    """Make a key. Of two workers that start at once both keep the one that came first."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    own = path.with_name(f"{path.name}.{os.getpid()}")
    _write(own, pem, mode=0o600)
    try:
        os.link(own, path)
    except FileExistsError:
        return
    finally:
        own.unlink()


def _replace(path: Path, data: bytes, *, mode: int) -> Path:
    own = path.with_name(f".{path.name}.{os.getpid()}")
    _write(own, data, mode=mode)
    return own.replace(path)


def _write(path: Path, data: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
