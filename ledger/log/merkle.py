"""The Merkle tree: hashes, the right edge that grows, proofs out of tiles, and their verification. Pure.

Source: RFC 6962 section 2.1 (hashes), RFC 9162 section 2.1 (proofs), C2SP tlog-tiles (tiles of 256).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.errors import Malformed

HASH_SIZE_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 256
TREE_SIZE_MAX = 2**62
EMPTY_ROOT = sha256(b"").digest()

TileReader = Callable[[int, int, int], bytes]  # (level, index, width in hashes) -> the hashes.


class ProofInvalid(Malformed):
    code = "log-proof-invalid"
    title = "The proof does not lead from what it should prove to the root."


@dataclass(frozen=True)
class TileWrite:
    """The hashes that a tile holds after an extension: 1 to 256 of them."""

    level: int
    index: int
    data: bytes


@dataclass(frozen=True)
class Edge:
    """The right edge: for each tile level, the hashes of its last tile while it is not full."""

    size: int = 0
    partial: tuple[bytes, ...] = ()

    def extended(self, leaves: Sequence[bytes]) -> tuple[Edge, list[TileWrite]]:
        """Return the edge after these leaf hashes, and each tile that changed, lowest level first."""
        size, partial, writes = self.size, list(self.partial), []
        added, level = b"".join(leaves), 0
        while added:
            if level == len(partial):
                partial.append(b"")
            first = (size >> (TILE_HEIGHT * level)) // TILE_WIDTH
            tiles = _tiles_of(partial[level] + added)
            writes += [TileWrite(level, first + number, data) for number, data in enumerate(tiles)]
            full = [data for data in tiles if len(data) == TILE_WIDTH * HASH_SIZE_BYTES]
            partial[level] = tiles[-1] if len(full) < len(tiles) else b""
            added, level = b"".join(map(complete_root, full)), level + 1
        return Edge(size + len(leaves), tuple(partial)), writes

    def root(self) -> bytes:
        """Return the root hash of the tree of `size` leaves."""
        whole = [subtree for data in reversed(self.partial) for subtree in _largest_complete(data)]
        return _folded(whole) if whole else EMPTY_ROOT


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def complete_root(hashes: bytes) -> bytes:
    """Return the root over the concatenated hashes of a complete subtree: 1, 2, 4, 8 … of them."""
    while len(hashes) > HASH_SIZE_BYTES:
        hashes = b"".join(
            sha256(b"\x01" + hashes[start : start + 64]).digest()
            for start in range(0, len(hashes), 64)
        )
    return hashes


def edge_of(size: int, read: TileReader) -> Edge:
    """Return the right edge of a tree, read from its tiles: one tile for each level."""
    partial: list[bytes] = []
    while size >> (TILE_HEIGHT * len(partial)):
        level = len(partial)
        index, width = divmod(size >> (TILE_HEIGHT * level), TILE_WIDTH)
        partial.append(read(level, index, width) if width else b"")
    return Edge(size, tuple(partial))


def tiles_on_path(*, index: int, size: int) -> list[tuple[int, int]]:
    """Return level and number of each tile that an inclusion proof may read: two a level at most."""
    found: list[tuple[int, int]] = []
    level = 0
    while count := size >> (TILE_HEIGHT * level):
        own = index >> (TILE_HEIGHT * (level + 1))
        last = (count - 1) // TILE_WIDTH
        found += [(level, number) for number in sorted({min(own, last), last})]
        level += 1
    return found


def inclusion_proof(*, index: int, size: int, read: TileReader) -> list[bytes]:
    """Return the audit path of a leaf in the tree of `size` leaves, lowest first.

    Source: RFC 9162, section 2.1.3.1.
    """
    if not 0 <= index < size:
        raise ProofInvalid(index=index, size=size)
    return _path(index, 0, size, _Nodes(size, read))


def consistency_proof(*, old_size: int, size: int, read: TileReader) -> list[bytes]:
    """Return the proof that the tree of `old_size` leaves is the beginning of the tree of `size`.

    Source: RFC 9162, section 2.1.4.1. Empty for an empty or an equal tree.
    """
    if not 0 <= old_size <= size:
        raise ProofInvalid(old_size=old_size, size=size)
    if old_size in (0, size):
        return []
    return _subproof(old_size, 0, size, _Nodes(size, read), is_whole=True)


def root_of_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to.

    Raises:
        ProofInvalid: the proof has the wrong length, or the leaf is outside the tree.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or {len(value) for value in (leaf, *proof)} != {HASH_SIZE_BYTES}:
        raise ProofInvalid(index=index, size=size)
    first, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid(index=index, size=size)
        if first & 1 or first == last:
            reached = node_hash(sibling, reached)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise ProofInvalid(index=index, size=size)
    return reached


def verify_consistency(
    *, old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `old_size` leaves is the beginning of the tree of `size`.

    Raises:
        ProofInvalid: it is not, or the proof does not show it.

    Source: RFC 9162, section 2.1.4.2. An empty tree is the beginning of each.
    """
    invalid = ProofInvalid(old_size=old_size, size=size)
    if old_size in (0, size):
        roots = {old_root, root} if old_size == size else {old_root}
        if proof or len(roots) != 1 or (old_size == 0 and roots != {EMPTY_ROOT}):
            raise invalid
        return
    if not 0 < old_size < size or not proof:
        raise invalid
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    first, last = old_size - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_reached = reached = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise invalid
        if first & 1 or first == last:
            old_reached = node_hash(sibling, old_reached)
            reached = node_hash(sibling, reached)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        first, last = first >> 1, last >> 1
    if last or old_reached != old_root or reached != root:
        raise invalid


class _Nodes:
    """Hashes of complete subtrees, read from tiles; each tile is read once."""

    def __init__(self, size: int, read: TileReader) -> None:
        self._size, self._read = size, read
        self._tiles: dict[tuple[int, int], bytes] = {}

    def complete(self, start: int, height: int) -> bytes:
        """Return the hash of the complete subtree of 2^height leaves that starts at `start`."""
        level = height // TILE_HEIGHT
        first = start >> (TILE_HEIGHT * level)
        count = 1 << (height % TILE_HEIGHT)
        index, offset = divmod(first, TILE_WIDTH)
        tile = self._tile(level, index)
        return complete_root(tile[offset * HASH_SIZE_BYTES : (offset + count) * HASH_SIZE_BYTES])

    def range(self, start: int, end: int) -> bytes:
        """Return the hash of the subtree over leaves `start` to `end`, excluded."""
        whole = []
        while start < end:
            height = (end - start).bit_length() - 1
            whole.append(self.complete(start, height))
            start += 1 << height
        return _folded(whole)

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._tiles:
            width = min(TILE_WIDTH, (self._size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH)
            self._tiles[level, index] = self._read(level, index, width)
        return self._tiles[level, index]


def _path(index: int, start: int, end: int, nodes: _Nodes) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, nodes), nodes.range(middle, end)]
    return [*_path(index, middle, end, nodes), nodes.range(start, middle)]


def _subproof(old: int, start: int, end: int, nodes: _Nodes, *, is_whole: bool) -> list[bytes]:
    if old == end:
        return [] if is_whole else [nodes.range(start, end)]
    middle = start + _split(end - start)
    if old <= middle:
        return [
            *_subproof(old, start, middle, nodes, is_whole=is_whole),
            nodes.range(middle, end),
        ]
    return [*_subproof(old, middle, end, nodes, is_whole=False), nodes.range(start, middle)]


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _tiles_of(hashes: bytes) -> list[bytes]:
    step = TILE_WIDTH * HASH_SIZE_BYTES
    return [hashes[start : start + step] for start in range(0, len(hashes), step)]


def _largest_complete(hashes: bytes) -> Iterable[bytes]:
    """Yield the roots of the largest complete subtrees over a tile's hashes, left to right."""
    start, count = 0, len(hashes) // HASH_SIZE_BYTES
    for height in range(TILE_HEIGHT, -1, -1):
        if count & (1 << height):
            end = start + (HASH_SIZE_BYTES << height)
            yield complete_root(hashes[start:end])
            start = end


def _folded(subtrees: Sequence[bytes]) -> bytes:
    reached = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        reached = node_hash(left, reached)
    return reached
