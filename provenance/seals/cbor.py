"""A reader for the little CBOR that a COSE signature is made of. Definite lengths only.

Source: RFC 8949, 3. Nothing is executed, nothing is kept that was not in the bytes, and depth and length
are bounded by the input.
"""

from __future__ import annotations

from typing import Any

from provenance.seals.errors import ManifestMalformed

DEPTH_MAX = 16
SIZE_BYTES_MAX = 1024 * 1024


def decode(data: bytes) -> Any:
    """Return the one item that `data` holds: int, bytes, str, list, dict, bool or None.

    A tag is dropped and its item returned.

    Raises:
        ManifestMalformed: it is not one such item, to the last byte.
    """
    if len(data) > SIZE_BYTES_MAX:
        raise ManifestMalformed(part="cbor", size_bytes=len(data), limit_bytes=SIZE_BYTES_MAX)
    item, end = _item(data, 0, depth=0)
    if end != len(data):
        raise ManifestMalformed(part="cbor")
    return item


def _item(data: bytes, start: int, *, depth: int) -> tuple[Any, int]:
    if depth > DEPTH_MAX or start >= len(data):
        raise ManifestMalformed(part="cbor")
    major, short = data[start] >> 5, data[start] & 0x1F
    if major == 7:
        return _simple(short), start + 1
    value, at = _argument(data, start + 1, short)
    if major < 2:
        return (value if major == 0 else -1 - value), at
    if major in (2, 3):
        return _string(data, at, value, is_text=major == 3)
    if major < 6:
        return (_array if major == 4 else _map)(data, at, value, depth=depth)
    return _item(data, at, depth=depth + 1)  # A tag: only what it stands before matters here.


def _argument(data: bytes, at: int, short: int) -> tuple[int, int]:
    """Return the item's number, and where it ends."""
    if short < 24:
        return short, at
    if short > 27:
        raise ManifestMalformed(part="cbor")  # Indefinite or reserved.
    size = 1 << (short - 24)
    if at + size > len(data):
        raise ManifestMalformed(part="cbor")
    return int.from_bytes(data[at : at + size], "big"), at + size


def _simple(short: int) -> bool | None:
    try:
        return {20: False, 21: True, 22: None, 23: None}[short]
    except KeyError as exc:
        raise ManifestMalformed(part="cbor") from exc


def _string(data: bytes, at: int, size: int, *, is_text: bool) -> tuple[bytes | str, int]:
    end = at + size
    if end > len(data):
        raise ManifestMalformed(part="cbor")
    if not is_text:
        return data[at:end], end
    try:
        return data[at:end].decode(), end
    except UnicodeDecodeError as exc:
        raise ManifestMalformed(part="cbor") from exc


def _array(data: bytes, at: int, count: int, *, depth: int) -> tuple[list[Any], int]:
    if count > len(data) - at:
        raise ManifestMalformed(part="cbor")
    items = []
    for _ in range(count):
        item, at = _item(data, at, depth=depth + 1)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, count: int, *, depth: int) -> tuple[dict[Any, Any], int]:
    if count > len(data) - at:
        raise ManifestMalformed(part="cbor")
    found: dict[Any, Any] = {}
    for _ in range(count):
        key, at = _item(data, at, depth=depth + 1)
        if not isinstance(key, int | str | bytes) or key in found:
            raise ManifestMalformed(part="cbor")
        found[key], at = _item(data, at, depth=depth + 1)
    return found, at
