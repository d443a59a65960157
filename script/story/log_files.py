"""Fetch a whole log as static files, as any mirror would: checkpoint, tiles, entry bundles, key.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

TIMEOUT_S = 30
TILE_WIDTH = 256
LEVELS_MAX = 8


@dataclass(frozen=True)
class Fetched:
    """How much was fetched."""

    entries: int
    files: int


def fetch(*, url: str, target: Path) -> Fetched:
    """Save the newest checkpoint with every tile and bundle of its tree below `target`."""
    session = requests.Session()
    checkpoint = _save(session, url, "checkpoint", target)
    _save(session, url, "vkey", target)
    size = int(checkpoint.decode().split("\n")[1])
    names = list(_names(size))
    for name in names:
        _save(session, url, name, target)
    return Fetched(entries=size, files=len(names) + 2)


def _names(size: int) -> Iterator[str]:
    for index, width in _tiles(size):
        yield f"tile/entries/{_path(index)}{_suffix(width)}"
    for level in range(LEVELS_MAX):
        nodes = size // TILE_WIDTH**level
        if not nodes:
            return
        for index, width in _tiles(nodes):
            yield f"tile/{level}/{_path(index)}{_suffix(width)}"


def _tiles(nodes: int) -> Iterator[tuple[int, int]]:
    for index in range(nodes // TILE_WIDTH):
        yield index, TILE_WIDTH
    if nodes % TILE_WIDTH:
        yield nodes // TILE_WIDTH, nodes % TILE_WIDTH


def _path(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def _suffix(width: int) -> str:
    return "" if width == TILE_WIDTH else f".p/{width}"


def _save(session: requests.Session, url: str, name: str, target: Path) -> bytes:
    answer = session.get(f"{url}/log/{name}", timeout=TIMEOUT_S)
    answer.raise_for_status()
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(answer.content)
    return answer.content
