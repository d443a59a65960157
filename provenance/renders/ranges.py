"""Byte ranges of a file over HTTP: which bytes a request gets, and with which status. Pure.

Source: RFC 9110, sections 13 and 14.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADER_LENGTH_MAX = 200
_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


@dataclass(frozen=True)
class Slice:
    """What to answer: 200, 206, 304 or 416, and the bytes from `first` to `last`, both included."""

    status: int
    first: int = 0
    last: int = -1

    @property
    def size_bytes(self) -> int:
        """How many bytes the body has."""
        return self.last - self.first + 1


def select(
    *,
    size_bytes: int,
    etag: str,
    range_header: str | None = None,
    if_range: str | None = None,
    if_none_match: str | None = None,
) -> Slice:
    """Return what a GET of a file of `size_bytes` (at least 1) is answered with.

    One range is answered; several at once, other units and malformed headers get the whole file, as
    section 14.2 allows. `If-Range` compares strongly, so a weak tag or a date gets the whole file.
    """
    if if_none_match is not None and _matches(if_none_match, etag):
        return Slice(304)
    whole = Slice(200, 0, size_bytes - 1)
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return whole
    match = _RANGE.fullmatch(range_header) if len(range_header) <= HEADER_LENGTH_MAX else None
    if match is None or match.group(1, 2) == ("", ""):
        return whole
    return _one(match.group(1), match.group(2), size_bytes=size_bytes, whole=whole)


def _one(first_text: str, last_text: str, *, size_bytes: int, whole: Slice) -> Slice:
    if not first_text:  # The last so many bytes.
        wanted = min(int(last_text), size_bytes)
        return Slice(206, size_bytes - wanted, size_bytes - 1) if wanted else Slice(416)
    first = int(first_text)
    last = min(int(last_text), size_bytes - 1) if last_text else size_bytes - 1
    if last_text and int(last_text) < first:
        return whole  # Not a valid range at all: ignored.
    return Slice(206, first, last) if first < size_bytes else Slice(416)


def _matches(header: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in header[:2_000].split(",")}
    return "*" in tags or etag in tags
