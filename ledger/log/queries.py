"""Reading the log's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Substr

from ledger.errors import NotFound, Unavailable
from ledger.log import checkpoints, merkle, tiles
from ledger.log.checkpoints import Proof
from ledger.log.merkle import HASH_SIZE_BYTES, TILE_WIDTH, TileReader
from ledger.log.models import Checkpoint, Entry, Publication, Record, Tile
from ledger.log.tiles import TileName, TileNotFound

ENTRIES_ABOUT_MAX = 10_000
NAMES_A_QUERY = 32


class EntryNotFound(NotFound):
    code = "log-entry-not-found"
    title = "There is no such log entry, or it is not yours to read."


class NotYetPublished(Unavailable):
    code = "log-entry-not-yet-published"
    title = "The entry is not under a published checkpoint yet; try again in a moment."


class TileMissing(RuntimeError):
    """The tree needs a tile that is not stored, or shorter than it must be."""


@dataclass(frozen=True)
class Published:
    """The newest checkpoint that outsiders can see."""

    tree_size: int
    root_hash: bytes
    note: bytes


def leaf_index(entry_id: UUID) -> int | None:
    """Return the entry's place in the log; None while it is staged, or when there is none."""
    return Entry.objects.filter(id=entry_id).values_list("leaf_index", flat=True).first()


def leaf_indexes(entry_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the place of each entry that has one. One query."""
    return dict(Entry.objects.filter(id__in=list(entry_ids)).values_list("id", "leaf_index"))


def is_sequenced(entry_id: UUID) -> bool:
    """Return whether the entry has its place in the log, under a signed checkpoint."""
    return Entry.objects.filter(id=entry_id).exists()


def subject_of(entry_id: UUID) -> UUID | None:
    """Return whom the entry is about; None for nobody, or when there is no such entry."""
    return Record.objects.filter(entry_id=entry_id).values_list("subject_id", flat=True).first()


def entry_data(entry_id: UUID) -> bytes:
    """Return the bytes of an entry that has its place.

    Raises:
        EntryNotFound: there is none, or it is still staged.
    """
    data = Entry.objects.filter(id=entry_id).values_list("data", flat=True).first()
    if data is None:
        raise EntryNotFound(entry_id=entry_id)
    return bytes(data)


def tree_size() -> int:
    """Return the size of the newest signed tree."""
    newest = Checkpoint.objects.order_by("-tree_size").values_list("tree_size", flat=True).first()
    return newest or 0


def published() -> Published | None:
    """Return the newest published checkpoint, with its cosignatures."""
    row = (
        Publication.objects.order_by("-checkpoint__tree_size").select_related("checkpoint").first()
    )
    if row is None:
        return None
    return Published(row.checkpoint.tree_size, bytes(row.checkpoint.root_hash), bytes(row.note))


def entries_about(
    row_ids: Sequence[UUID] = (),
    *,
    subject_id: UUID | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> tuple[UUID, ...]:
    """Return the entries whose records hold a snapshot of one of these rows, or are about a subject.

    Oldest first, staged ones too, at most 10,000. Without rows and subject: all of the period.
    """
    about = Q()
    if row_ids:
        about |= Q(row_ids__overlap=list(row_ids))
    if subject_id is not None:
        about |= Q(subject_id=subject_id)
    records = Record.objects.filter(about)
    if starts_at is not None:
        records = records.filter(created_at__gte=starts_at)
    if ends_at is not None:
        records = records.filter(created_at__lt=ends_at)
    found = records.order_by("created_at", "entry_id").values_list("entry_id", flat=True)
    return tuple(found[:ENTRIES_ABOUT_MAX])


def read_tile(level: int, index: int, width: int) -> bytes:
    """Return the first `width` hashes of a stored tile.

    Raises:
        TileMissing: it is not stored, or not that wide.
    """
    size_bytes = width * HASH_SIZE_BYTES
    data = (
        Tile.objects.filter(level=level, index=index)
        .values_list(Substr("data", 1, size_bytes), flat=True)
        .first()
    )
    if data is None or len(data) != size_bytes:
        raise TileMissing(level, index, width)
    return bytes(data)


def tile_reader(wanted: Sequence[tuple[int, int]]) -> TileReader:
    """Return a reader that has these tiles (level, number) already, out of one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT level, index, data FROM ledger_tile WHERE (level, index) IN "
            "(SELECT * FROM unnest(%s::int[], %s::bigint[]))",
            [[level for level, _ in wanted], [index for _, index in wanted]],
        )
        stored = {(level, index): bytes(data) for level, index, data in cursor.fetchall()}

    def read(level: int, index: int, width: int) -> bytes:
        data = stored.get((level, index), b"")[: width * HASH_SIZE_BYTES]
        return data if len(data) == width * HASH_SIZE_BYTES else read_tile(level, index, width)

    return read


def read_bundle(index: int, width: int) -> bytes:
    """Return the entry bundle of `width` entries.

    Raises:
        TileMissing: not all of them are in the log.
    """
    start = index * TILE_WIDTH
    entries = [
        bytes(data)
        for data in Entry.objects.filter(leaf_index__range=(start, start + width - 1))
        .order_by("leaf_index")
        .values_list("data", flat=True)
    ]
    if len(entries) != width:
        raise TileMissing("entries", index, width)
    return tiles.encode_bundle(entries)


def read_many(names: Iterable[TileName]) -> Iterator[tuple[TileName, bytes]]:
    """Yield tiles and bundles with their bytes, in the order given: one query for 32 of a level.

    Raises:
        TileMissing: one is not stored, or not that wide.
    """
    pending: list[TileName] = []
    for name in names:
        if pending and (pending[0].level != name.level or len(pending) == NAMES_A_QUERY):
            yield from _read_some(pending)
            pending = []
        pending.append(name)
    yield from _read_some(pending)


def _read_some(names: Sequence[TileName]) -> Iterator[tuple[TileName, bytes]]:
    """Yield some tiles of one level, or some bundles, whose numbers follow each other."""
    if not names:
        return
    first, last, level = names[0].index, names[-1].index, names[0].level
    if level is None:
        end = last * TILE_WIDTH + names[-1].width
        found = Entry.objects.filter(leaf_index__gte=first * TILE_WIDTH, leaf_index__lt=end)
        entries = [
            bytes(data) for data in found.order_by("leaf_index").values_list("data", flat=True)
        ]
        if len(entries) != end - first * TILE_WIDTH:
            raise TileMissing("entries", first, last)
        for place, name in enumerate(names):
            start = place * TILE_WIDTH
            yield name, tiles.encode_bundle(entries[start : start + name.width])
        return
    stored = dict(
        Tile.objects.filter(level=level, index__range=(first, last)).values_list("index", "data")
    )
    for name in names:
        data = bytes(stored.get(name.index, b""))[: name.width * HASH_SIZE_BYTES]
        if len(data) != name.width * HASH_SIZE_BYTES:
            raise TileMissing(level, name.index, name.width)
        yield name, data


def read_published(name: TileName) -> bytes:
    """Return a tile or bundle as it is published.

    Raises:
        TileNotFound: the log has none of that name and width.
    """
    try:
        if name.level is None:
            return read_bundle(name.index, name.width)
        return read_tile(name.level, name.index, name.width)
    except TileMissing as exc:
        raise TileNotFound from exc


def inclusion(entry_id: UUID) -> Proof:
    """Return the proof that an entry is in the newest published tree.

    Raises:
        EntryNotFound: there is no such entry.
        NotYetPublished: it is staged, or its checkpoint is not published yet.
    """
    index = leaf_index(entry_id)
    if index is None:
        if Record.objects.filter(entry_id=entry_id).exists():
            raise NotYetPublished(entry_id=entry_id)
        raise EntryNotFound(entry_id=entry_id)
    newest = published()
    if newest is None or newest.tree_size <= index:
        raise NotYetPublished(entry_id=entry_id)
    read = tile_reader(merkle.tiles_on_path(index=index, size=newest.tree_size))
    hashes = merkle.inclusion_proof(index=index, size=newest.tree_size, read=read)
    return checkpoints.Proof(index, tuple(hashes), newest.note)
