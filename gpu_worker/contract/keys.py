"""Ed25519 keys: their names (RFC 7638 thumbprints), and sets of them as JWKS or PEM files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from gpu_worker.contract import canonical

KEYS_MAX = 64


def key_id(key: Ed25519PublicKey) -> str:
    """Return the key's name: the base64url SHA-256 thumbprint of its JWK. Source: RFC 7638, RFC 8037."""
    digest = hashlib.sha256(canonical.dump(_jwk(key))).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def to_jwks(keys: Iterable[Ed25519PublicKey]) -> dict[str, Any]:
    """Return a JWK set of these keys. Source: RFC 7517, section 5."""
    return {
        "keys": [{**_jwk(key), "kid": key_id(key), "alg": "EdDSA", "use": "sig"} for key in keys]
    }


def from_jwks(document: Any) -> dict[str, Ed25519PublicKey]:
    """Return the Ed25519 keys of a JWK set by their thumbprints; keys of other kinds are left out.

    Raises:
        ValueError: not a JWK set, more than `KEYS_MAX` keys, or a key under another's name.
    """
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, list) or len(rows) > KEYS_MAX:
        raise ValueError("not a JWK set")
    return dict(
        _from_jwk(row)
        for row in rows
        if isinstance(row, dict) and (row.get("kty"), row.get("crv")) == ("OKP", "Ed25519")
    )


def from_folder(folder: Path) -> dict[str, Ed25519PublicKey]:
    """Return the keys of a folder's `*.pem` files by their thumbprints.

    Raises:
        ValueError: a file that holds no Ed25519 public key, or more than `KEYS_MAX` files.
    """
    paths = sorted(folder.glob("*.pem"))
    if len(paths) > KEYS_MAX:
        raise ValueError("too many keys")
    return dict(_from_pem(path) for path in paths)


def to_pem(key: Ed25519PublicKey) -> bytes:
    """Return the key as PEM, SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _jwk(key: Ed25519PublicKey) -> Mapping[str, str]:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"crv": "Ed25519", "kty": "OKP", "x": x}


def _from_jwk(row: Mapping[str, Any]) -> tuple[str, Ed25519PublicKey]:
    x = row.get("x")
    if not isinstance(x, str):
        raise ValueError("x")
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    if row.get("kid", key_id(key)) != key_id(key):
        raise ValueError("kid")
    return key_id(key), key


def _from_pem(path: Path) -> tuple[str, Ed25519PublicKey]:
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(path.name)
    return key_id(key), key
