"""Compact JWS with Ed25519 (RFC 7515, RFC 8037), as strict as can be.

One algorithm, one header of three members in canonical form, one payload in canonical form. Nothing
in a token chooses how it is checked: the header is compared, byte for byte, with the only one that
this reader would have written for that key.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gpu_worker.contract import canonical

SIZE_BYTES_MAX = 16 * 1024
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Malformed(ValueError):
    """It is not such a token, whoever signed it."""


class KeyUnknown(ValueError):
    """It names a key that the reader does not have."""


class SignatureWrong(ValueError):
    """It is not what the holder of the key signed."""


def sign(payload: Any, *, key: Ed25519PrivateKey, kid: str, kind: str) -> str:
    """Return the token over `payload`, plain JSON data. `kind` is the header's `typ`."""
    if not KEY_ID.fullmatch(kid):
        raise Malformed("kid")
    signed = f"{_encode(_header(kid, kind))}.{_encode(canonical.dump(payload))}"
    token = f"{signed}.{_encode(key.sign(signed.encode()))}"
    if len(token) > SIZE_BYTES_MAX:
        raise Malformed("too long")
    return token


def verify(
    token: str, *, keys: Mapping[str, Ed25519PublicKey], kind: str, size_max: int = SIZE_BYTES_MAX
) -> Any:
    """Return the payload of a token of this kind, signed by one of `keys`.

    Raises:
        Malformed: too long, not three base64url parts, another header, not canonical.
        KeyUnknown: no such key.
        SignatureWrong: another signature.
    """
    if len(token) > size_max or not token.isascii():
        raise Malformed("size")
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed("parts")
    header, payload, signature = (_decode(part) for part in parts)
    kid = _key_id(header)
    if header != _header(kid, kind):
        raise Malformed("header")
    if kid not in keys:
        raise KeyUnknown(kid)
    try:
        keys[kid].verify(signature, f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature as exc:
        raise SignatureWrong(kid) from exc
    try:
        return canonical.load(payload)
    except ValueError as exc:
        raise Malformed("payload") from exc


def _header(kid: str, kind: str) -> bytes:
    return canonical.dump({"alg": "EdDSA", "kid": kid, "typ": kind})


def _key_id(header: bytes) -> str:
    try:
        found = json.loads(header)
    except (ValueError, RecursionError) as exc:
        raise Malformed("header") from exc
    kid = found.get("kid") if isinstance(found, dict) else None
    if not isinstance(kid, str) or not KEY_ID.fullmatch(kid):
        raise Malformed("kid")
    return kid


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    """Return the bytes of one part. Padding, other letters and stray bits are refused."""
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as exc:
        raise Malformed("base64url") from exc
    if _encode(data) != part:
        raise Malformed("base64url")
    return data
