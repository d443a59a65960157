"""Giving entries their places: one sequencer, one transaction a batch, and never a fork.

Order of durable steps: (1) entries, tiles and the signed checkpoint, in one transaction; (2) the
witnesses' cosignatures; (3) the static files, the checkpoint last; (4) the note that it was
published. Each later step can be done again from the rows of the earlier ones, so a crash between
any two loses nothing.

Commits do not NOTIFY the sequencer: PostgreSQL makes all transactions that notify wait for each other
at commit, which would cost the writers more than a short poll costs us.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from django.db import connection

from ledger.db import use_case
from ledger.log import checkpoints, merkle, notes, queries
from ledger.log.checkpoints import Checkpoint as Head
from ledger.log.merkle import Edge, TileWrite
from ledger.log.models import Checkpoint, Entry
from ledger.log.notes import Note, Signer

logger = structlog.get_logger(__name__)

BATCH_MAX = 16_384
LOCK = (0x10C, 1)  # Two integers: another space than the one-integer locks of `ledger.db`.

_TAKE = """
WITH taken AS (
    DELETE FROM ledger_stagedentry WHERE sequence = ANY(ARRAY(
        SELECT sequence FROM ledger_stagedentry ORDER BY sequence LIMIT %s))
    RETURNING sequence, entry_id, data
), placed AS (
    INSERT INTO ledger_entry (id, leaf_index, data, leaf_hash)
    SELECT entry_id, %s + row_number() OVER (ORDER BY sequence) - 1, data,
           sha256('\\x00'::bytea || data)
    FROM taken
    RETURNING leaf_index, leaf_hash
)
SELECT string_agg(leaf_hash, ''::bytea ORDER BY leaf_index) FROM placed
"""

_KEEP_TILES = """
INSERT INTO ledger_tile (level, index, data)
SELECT * FROM unnest(%s::int[], %s::bigint[], %s::bytea[])
ON CONFLICT (level, index) DO UPDATE SET data = EXCLUDED.data
"""


class LogInconsistent(RuntimeError):
    """What is stored is not the log that was signed. Nothing may be written until a person looked."""


def nothing(step: str) -> None:
    """Do nothing at a named step; tests put a crash here."""


@contextmanager
def sole_sequencer(*, wait: Callable[[], bool]) -> Iterator[bool]:
    """Hold the sequencer's lock on this connection; yields whether it was had.

    While another session holds it, `wait` is called, and decides whether to go on. The lock goes
    with the connection, so every write of the sequencer goes through the same connection.
    """
    held = _try_lock()
    while not held and wait():
        held = _try_lock()
    try:
        yield held
    finally:
        if held and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK)


class Sequencer:
    """The right edge in memory, and the one way to extend it. Holds no rows."""

    def __init__(self, signer: Signer, *, at_step: Callable[[str], None] = nothing) -> None:
        """Load the edge and compare it with the newest checkpoint.

        Raises:
            LogInconsistent: they differ, or another key signed it.
        """
        self._signer, self._at_step = signer, at_step
        self._edge = load_edge(signer)

    @property
    def tree_size(self) -> int:
        """How many entries have a place."""
        return self._edge.size

    def integrate(self, *, at: datetime, limit: int = BATCH_MAX) -> int:
        """Give a place to at most `limit` staged entries, and sign the new tree.

        Returns how many; 0 when nothing is staged. One transaction: entries, tiles and checkpoint
        are there together or not at all.

        Raises:
            LogInconsistent: somebody else has written to the log.
        """
        edge, count = self._commit_batch(at, limit)
        self._edge = edge  # Only after the commit: a failed batch leaves the edge as it was.
        return count

    @use_case
    def _commit_batch(self, at: datetime, limit: int) -> tuple[Edge, int]:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL countersign.sequencing = 'on'")
            cursor.execute(_TAKE, [limit, self._edge.size])
            row = cursor.fetchone()
            if row is None or row[0] is None:
                return self._edge, 0
            self._at_step("entries-placed")
            if (size := queries.tree_size()) != self._edge.size:
                raise LogInconsistent(f"the log has {size} entries, not {self._edge.size}")
            leaves = _split(bytes(row[0]))
            edge, writes = self._edge.extended(leaves)
            _keep_tiles(writes)
            self._at_step("tiles-kept")
            _sign(edge, signer=self._signer, at=at)
            self._at_step("checkpoint-kept")
        return edge, len(leaves)


def load_edge(signer: Signer) -> Edge:
    """Return the right edge, once it is shown to be the one that was signed last.

    Raises:
        LogInconsistent: the tiles, the entries and the newest checkpoint do not agree.
    """
    newest = Checkpoint.objects.order_by("-tree_size").first()
    size = newest.tree_size if newest else 0
    if Entry.objects.filter(leaf_index__gte=size).exists():
        raise LogInconsistent(f"there are entries beyond the newest checkpoint's size {size}")
    try:
        edge = merkle.edge_of(size, queries.read_tile)
    except queries.TileMissing as exc:
        raise LogInconsistent(f"a tile of the tree of size {size} is missing: {exc}") from exc
    if newest is None:
        return edge
    root = base64.b64encode(edge.root()).decode()
    if edge.root() != bytes(newest.root_hash):
        raise LogInconsistent(f"the tiles of size {size} have root {root}, which was not signed")
    try:
        head, _ = checkpoints.opened(bytes(newest.note), log=signer.verifier)
    except (notes.SignatureInvalid, notes.NoteMalformed, checkpoints.CheckpointMalformed) as exc:
        raise LogInconsistent(f"another key or name signed the checkpoint of size {size}") from exc
    if (head.size, head.root) != (size, edge.root()):
        raise LogInconsistent(f"the signed checkpoint is not about size {size} and root {root}")
    return edge


def _sign(edge: Edge, *, signer: Signer, at: datetime) -> None:
    head = Head(signer.name, edge.size, edge.root())
    note = Note(head.text(), (signer.sign(head.text()),)).encode()
    Checkpoint.objects.create(tree_size=head.size, root_hash=head.root, note=note, created_at=at)


def _keep_tiles(writes: list[TileWrite]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP_TILES,
            [
                [write.level for write in writes],
                [write.index for write in writes],
                [write.data for write in writes],
            ],
        )


def _split(hashes: bytes) -> list[bytes]:
    size = merkle.HASH_SIZE_BYTES
    return [hashes[start : start + size] for start in range(0, len(hashes), size)]


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK)
        return bool(cursor.fetchone()[0])
