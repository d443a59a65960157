"""What an entry says and what it commits to: canonical JSON, salts, commitments. Pure.

Source: RFC 8785 (canonical JSON); the entry's members are listed in docs/spec/log.md.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import rfc8785

from ledger.errors import Malformed

VERSION = 1
ENTRY_SIZE_BYTES_MAX = 65_535  # What a bundle's uint16 length can say.
RECORD_SIZE_BYTES_MAX = 1_048_576
SALT_SIZE_BYTES = 32
TYPE = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
RESERVED = frozenset({"v", "type", "at", "id", "commitment"})


class EntryTooLarge(Malformed):
    code = "log-entry-too-large"
    title = "What would be logged does not fit in one entry."


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a plain JSON value."""
    return rfc8785.dumps(value)


def commitment(*, salt: bytes, record: bytes) -> bytes:
    """Return HMAC-SHA-256 of a canonical record under its own salt."""
    return hmac.digest(salt, record, "sha256")


def encode(
    *,
    type: str,  # noqa: A002  # The entry's own word.
    at: str,
    entry_id: UUID,
    commitment: bytes,
    public: Mapping[str, Any],
) -> bytes:
    """Return the bytes of an entry.

    Raises:
        ValueError: the type is not dotted words, or `public` names a member of every entry.
        EntryTooLarge: more than 65,535 bytes.
    """
    if not TYPE.fullmatch(type):
        raise ValueError(f"not an entry type: {type!r}")
    if clash := RESERVED & public.keys():
        raise ValueError(f"reserved: {sorted(clash)}")
    data = canonical(
        {
            **public,
            "v": VERSION,
            "type": type,
            "at": at,
            "id": str(entry_id),
            "commitment": base64.b64encode(commitment).decode(),
        }
    )
    if len(data) > ENTRY_SIZE_BYTES_MAX:
        raise EntryTooLarge(size_bytes=len(data), limit_bytes=ENTRY_SIZE_BYTES_MAX)
    return data
