"""Where tiles and entry bundles lie, and their bytes. Pure.

Source: C2SP tlog-tiles. `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`; N in groups of three
digits, all but the last with an `x`: 1234067 is `x001/x234/067`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ledger.errors import NotFound
from ledger.log.merkle import TILE_HEIGHT, TILE_WIDTH

LEVEL_MAX = 63
INDEX = re.compile(r"(?:x[0-9]{3}/){0,6}[0-9]{3}")
PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


class TileNotFound(NotFound):
    code = "log-tile-not-found"
    title = "The log has no such tile."


class BundleMalformed(Exception):
    """The bytes are not an entry bundle."""


@dataclass(frozen=True)
class TileName:
    """A tile of hashes (`level` 0 and up) or a bundle of entries (`level` None), and its width."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def is_full(self) -> bool:
        """Whether it holds 256, and so never changes."""
        return self.width == TILE_WIDTH

    def path(self) -> str:
        """Return the path below the log's address."""
        level = "entries" if self.level is None else str(self.level)
        suffix = "" if self.is_full else f".p/{self.width}"
        return f"tile/{level}/{index_path(self.index)}{suffix}"


def index_path(index: int) -> str:
    """Return a tile's number in groups of three digits."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))


def parse_path(path: str) -> TileName:
    """Return the tile that a path names.

    Raises:
        TileNotFound: no tile can have that path; there is one path for each tile.
    """
    match = PATH.fullmatch(path)
    if match is None:
        raise TileNotFound
    level, groups, width = match.groups()
    name = TileName(
        level=None if level == "entries" else int(level),
        index=int(groups.replace("x", "").replace("/", "")),
        width=TILE_WIDTH if width is None else int(width),
    )
    if name.path() != path or name.width == 0 or (name.level or 0) > LEVEL_MAX:
        raise TileNotFound
    return name


def names(*, old_size: int, size: int) -> Iterator[TileName]:
    """Yield each tile and bundle that a tree of `size` has and one of `old_size` had not.

    Bundles first, then hashes from the lowest level up; only names of the tree of `size`, so
    partial ones in between are left out. No empty tiles.
    """
    for level in (None, *range((size.bit_length() + TILE_HEIGHT - 1) // TILE_HEIGHT)):
        shift = TILE_HEIGHT * (level or 0)
        old_count, count = old_size >> shift, size >> shift
        for index in range(old_count // TILE_WIDTH, -(-count // TILE_WIDTH)):
            width = min(TILE_WIDTH, count - index * TILE_WIDTH)
            if index * TILE_WIDTH + width > old_count:
                yield TileName(level, index, width)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return a bundle: each entry as its uint16 big-endian length, then its bytes."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> Sequence[bytes]:
    """Return the entries of a bundle.

    Raises:
        BundleMalformed: an entry is cut short, or there are more than 256.
    """
    entries: list[bytes] = []
    start = 0
    while start < len(data):
        end = start + 2 + int.from_bytes(data[start : start + 2], "big")
        if start + 2 > len(data) or end > len(data) or len(entries) == TILE_WIDTH:
            raise BundleMalformed
        entries.append(data[start + 2 : end])
        start = end
    return entries
