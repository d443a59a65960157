"""Is the log what was signed, and are the rows what the log says? Changes by a superuser are found too.

For each entry, in the order of the log: its bytes against its leaf hash and its tile, each signed
checkpoint on the way, its record against its commitment. At the end the newest snapshot of each row
against the row as it is. All in one read-only snapshot of the database, so writers go on meanwhile.

What this cannot see: a whole history replaced by somebody who holds the log's key. Witnesses and kept
checkpoints are for that: give one as `kept`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from ledger.log import checkpoints, merkle, notes, records, rows
from ledger.log.merkle import HASH_SIZE_BYTES, TILE_WIDTH, Edge, TileWrite
from ledger.log.models import Checkpoint, Entry, Record, StagedEntry, Tile
from ledger.log.notes import VerifierKey
from ledger.log.rows import Newest, RowChanged
from ledger.vault import keys

Progress = Callable[[str, int, int], None]  # (what, done, of how many)


class LogChanged(Exception):
    """Something is not what was logged. The message names the first offending row, and no values."""


@dataclass(frozen=True)
class Verified:
    """What was checked, and found as it was logged."""

    tree_size: int
    checkpoints: int
    staged: int
    rows: int
    erased: int  # Records that nobody can read any more; their entries were still checked.


def verify(
    *,
    log: VerifierKey,
    chunk: int = 5_000,
    kept: tuple[bytes, ...] = (),
    required_models: tuple[str, ...] = (),
    progress: Progress = lambda what, done, total: None,
) -> Verified:
    """Check everything, and return how much that was.

    Args:
        log: the log's public key.
        chunk: entries, or rows, for each query.
        kept: checkpoints that somebody has kept elsewhere: they must be in this history.
        required_models: labels of the models each row of which must have been logged.

    Raises:
        LogChanged: with the first offending row.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        return _Verification(log, chunk, progress).run(kept, required_models)


class _Verification:
    def __init__(self, log: VerifierKey, chunk: int, progress: Progress) -> None:
        self._log, self._chunk, self._progress = log, chunk, progress
        self._edge = Edge()
        self._opener = keys.Opener()
        self._newest = Newest()
        self._partial: dict[tuple[int, int], TileWrite] = {}
        self._checkpoints = self._erased = 0

    def run(self, kept: tuple[bytes, ...], required_models: tuple[str, ...]) -> Verified:
        size = Checkpoint.objects.order_by("-tree_size").values_list("tree_size", flat=True).first()
        self._tree(size or 0)
        for note in kept:
            self._kept(note)
        staged = self._staged()
        self._no_other_records(staged)
        try:
            count = rows.compare(
                self._newest,
                required_models=required_models,
                chunk=self._chunk,
                progress=self._progress,
            )
        except RowChanged as exc:
            raise LogChanged(str(exc)) from exc
        return Verified(self._edge.size, self._checkpoints, staged, count, self._erased)

    def _tree(self, size: int) -> None:
        """Check entries, tiles, checkpoints and records up to the newest checkpoint."""
        found = Entry.objects.order_by("leaf_index")
        while self._edge.size < size:
            start = self._edge.size
            chunk = list(found.filter(leaf_index__gte=start)[: min(self._chunk, size - start)])
            if not chunk:
                raise LogChanged(f"ledger_entry: the entry at {start} is gone")
            for place, entry in enumerate(chunk, start):
                _check_entry(entry, place)
            _check_leaves(chunk)
            self._records({entry.id: bytes(entry.data) for entry in chunk})
            self._extend([bytes(entry.leaf_hash) for entry in chunk])
            self._progress("entries", self._edge.size, size)
        if beyond := Entry.objects.filter(leaf_index__gte=size).first():
            raise LogChanged(f"ledger_entry {beyond.id}: beyond the newest checkpoint")
        self._tiles(list(self._partial.values()))
        if Tile.objects.count() != len(list(_tile_names(size))):
            raise LogChanged("ledger_tile: there are tiles that the tree does not have")

    def _extend(self, leaves: list[bytes]) -> None:
        start, end = self._edge.size, self._edge.size + len(leaves)
        signed = Checkpoint.objects.filter(tree_size__gt=start, tree_size__lte=end)
        for checkpoint in signed.order_by("tree_size"):
            self._grow(leaves[self._edge.size - start : checkpoint.tree_size - start])
            self._checkpoint(checkpoint)
        self._grow(leaves[self._edge.size - start :])

    def _grow(self, leaves: list[bytes]) -> None:
        self._edge, writes = self._edge.extended(leaves)
        full = []
        for write in writes:
            self._partial[write.level, write.index] = write
            if len(write.data) == TILE_WIDTH * HASH_SIZE_BYTES:
                full.append(self._partial.pop((write.level, write.index)))
        self._tiles(full)

    def _tiles(self, writes: list[TileWrite]) -> None:
        for write in writes:
            row = Tile.objects.filter(level=write.level, index=write.index).first()
            stored = bytes(row.data) if row else b""
            if stored == write.data:
                continue
            raise LogChanged(
                f"ledger_tile {write.level}/{write.index}: is not what the entries give"
            )

    def _checkpoint(self, row: Checkpoint) -> None:
        named = f"ledger_checkpoint {row.id} of size {row.tree_size}"
        root = self._edge.root()
        if bytes(row.root_hash) != root:
            raise LogChanged(f"{named} column root_hash: is not the root of the entries before it")
        self._signed(bytes(row.note), f"{named} column note", row.tree_size, root)
        published = getattr(row, "publication", None)
        if published and not bytes(published.note).startswith(bytes(row.note)):
            raise LogChanged(
                f"ledger_publication {published.id} column note: is another checkpoint"
            )
        self._checkpoints += 1

    def _signed(self, note: bytes, named: str, size: int, root: bytes) -> None:
        try:
            head, _ = checkpoints.opened(note, log=self._log)
        except (
            notes.NoteMalformed,
            notes.SignatureInvalid,
            checkpoints.CheckpointMalformed,
        ) as exc:
            raise LogChanged(f"{named}: is not signed by this log") from exc
        if (head.size, head.root) != (size, root):
            raise LogChanged(f"{named}: signs another tree")

    def _kept(self, note: bytes) -> None:
        try:
            head, _ = checkpoints.opened(note, log=self._log)
        except (
            notes.NoteMalformed,
            notes.SignatureInvalid,
            checkpoints.CheckpointMalformed,
        ) as exc:
            raise LogChanged("the kept checkpoint is not signed by this log") from exc
        ours = Checkpoint.objects.filter(tree_size=head.size).first()
        if ours is None or bytes(ours.root_hash) != head.root:
            raise LogChanged(
                f"the kept checkpoint of size {head.size} is not in this history: it was replaced"
            )

    def _staged(self) -> int:
        """Check the records of entries that have no place yet; their rows may be newer."""
        count, after = 0, -1
        while True:
            chunk = list(
                StagedEntry.objects.filter(sequence__gt=after).order_by("sequence")[: self._chunk]
            )
            if not chunk:
                return count
            for staged in chunk:
                _check_data(
                    bytes(staged.data), f"ledger_stagedentry {staged.sequence}", staged.entry_id
                )
            self._records({staged.entry_id: bytes(staged.data) for staged in chunk})
            count, after = count + len(chunk), chunk[-1].sequence

    def _records(self, entries: dict[UUID, bytes]) -> None:
        """Check the record of each entry, and note the rows that it snapshots, in the given order."""
        found = {row.entry_id: row for row in Record.objects.filter(entry_id__in=list(entries))}
        for entry_id, data in entries.items():
            row = found.get(entry_id)
            if row is None:
                raise LogChanged(f"ledger_record {entry_id}: is gone")
            try:
                record = records.opened(row, self._opener)
            except keys.KeyDestroyed:
                self._erased += 1
                self._newest.forget(row.row_ids)
                continue
            except keys.CiphertextInvalid as exc:
                raise LogChanged(
                    f"ledger_record {entry_id} column ciphertext: was changed"
                ) from exc
            committed = base64.b64encode(record.commitment()).decode()
            if json.loads(data)["commitment"] != committed:
                raise LogChanged(f"ledger_record {entry_id}: is not what its entry commits to")
            self._newest.note(entry_id, json.loads(record.record)["rows"])

    def _no_other_records(self, staged: int) -> None:
        if Record.objects.count() == self._edge.size + staged:
            return
        other = Record.objects.exclude(entry_id__in=Entry.objects.values("id")).exclude(
            entry_id__in=StagedEntry.objects.values("entry_id")
        )
        raise LogChanged(
            f"ledger_record {other.values_list('entry_id', flat=True).first()}: no entry"
        )


def _check_entry(entry: Entry, place: int) -> None:
    if entry.leaf_index != place:
        raise LogChanged(f"ledger_entry: the entry at {place} is gone")
    named = f"ledger_entry {entry.id}"
    if merkle.leaf_hash(bytes(entry.data)) != bytes(entry.leaf_hash):
        raise LogChanged(f"{named} column data, at {place}: is not what its leaf hash says")
    _check_data(bytes(entry.data), named, entry.id)


def _check_leaves(chunk: Sequence[Entry]) -> None:
    """Compare leaf hashes with the tiles of level 0, so that the entry itself can be named."""
    first, last = chunk[0].leaf_index // TILE_WIDTH, chunk[-1].leaf_index // TILE_WIDTH
    tiles = {
        row.index: bytes(row.data)
        for row in Tile.objects.filter(level=0, index__range=(first, last))
    }
    for entry in chunk:
        index, place = divmod(entry.leaf_index, TILE_WIDTH)
        start = place * HASH_SIZE_BYTES
        if tiles.get(index, b"")[start : start + HASH_SIZE_BYTES] != bytes(entry.leaf_hash):
            raise LogChanged(
                f"ledger_entry {entry.id} column data, at {entry.leaf_index}: "
                f"is not what ledger_tile 0/{index} holds"
            )


def _check_data(data: bytes, named: str, entry_id: UUID) -> None:
    try:
        said: Any = json.loads(data)
        is_its_own = said["id"] == str(entry_id) and isinstance(said["commitment"], str)
    except (ValueError, KeyError, TypeError):
        is_its_own = False
    if not is_its_own:
        raise LogChanged(f"{named} column data: is not an entry of that id")


def _tile_names(size: int) -> Iterator[tuple[int, int]]:
    level = 0
    while count := size >> (merkle.TILE_HEIGHT * level):
        yield from ((level, index) for index in range(-(-count // TILE_WIDTH)))
        level += 1
