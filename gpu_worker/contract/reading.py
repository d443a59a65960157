"""Read plain JSON data strictly: every name known, every value of its type and within its bounds."""

from __future__ import annotations

import base64
import math
import re
from typing import Any, TypeGuard

SHA256 = re.compile(r"[0-9a-f]{64}")
IDENTITY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INTEGER_MAX = 2**53 - 1  # RFC 8785 writes no greater one exactly.


def record(value: Any, *, names: tuple[str, ...]) -> dict[str, Any]:
    """Return an object that has exactly these names, or raise ValueError."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise ValueError("names")
    return value


def text(value: Any, *, length_max: int, pattern: re.Pattern[str] | None = None) -> str:
    """Return a string of at most so many characters that wholly matches, or raise ValueError."""
    if not isinstance(value, str) or len(value) > length_max:
        raise ValueError("text")
    if pattern is not None and not pattern.fullmatch(value):
        raise ValueError("text")
    return value


def integer(value: Any, *, low: int, high: int) -> int:
    """Return a whole number between these bounds, both included, or raise ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError("integer")
    return value


def number(value: Any, *, low: float, high: float) -> float:
    """Return a finite number between these bounds, both included, or raise ValueError."""
    if not _is_number(value) or not math.isfinite(value) or not low <= value <= high:
        raise ValueError("number")
    return float(value)


def items(value: Any, *, count_max: int) -> list[Any]:
    """Return a list of at most so many items, or raise ValueError."""
    if not isinstance(value, list) or len(value) > count_max:
        raise ValueError("list")
    return value


def secret(value: Any, *, size_bytes: int) -> bytes:
    """Return bytes written in base64url without padding, of exactly this size, or raise ValueError."""
    if not isinstance(value, str):
        raise ValueError("secret")
    data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    if len(data) != size_bytes:
        raise ValueError("secret")
    return data


def write_secret(data: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
