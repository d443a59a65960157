"""Canonical JSON (RFC 8785) and its SHA-256: equal data has equal bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

SIZE_BYTES_MAX = 256 * 1024


def dump(value: Any) -> bytes:
    """Return the canonical UTF-8 bytes of plain JSON data.

    Raises:
        ValueError: a number outside the range of IEEE 754 integers, or something JSON lacks.

    Source: RFC 8785.
    """
    return rfc8785.dumps(value)


def sha256(value: Any) -> str:
    """Return SHA-256 of the canonical bytes, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(dump(value)).hexdigest()


def load(data: bytes) -> Any:
    """Return what canonical bytes hold. Bytes that are valid JSON but not canonical are refused.

    Raises:
        ValueError: too long, not JSON, not canonical, or a name given twice.
    """
    if len(data) > SIZE_BYTES_MAX:
        raise ValueError("too long")
    try:
        value = json.loads(data.decode("utf-8"))
        same = dump(value) == data
    except RecursionError as exc:
        raise ValueError("too deep") from exc
    if not same:
        raise ValueError("not canonical")
    return value
