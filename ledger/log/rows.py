"""The newest logged snapshot of each row, against the row as it is now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Model

from ledger.log import entries, records, snapshots
from ledger.vault.models import SubjectKey

DIGEST_SIZE_BYTES = 16
Progress = Callable[[str, int, int], None]


class RowChanged(Exception):
    """A row is not what was logged last. The message names table, row and column, and no values."""


class Newest:
    """For each row the digest of its newest snapshot, and which entry's record holds it."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, tuple[bytes, UUID]]] = {}
        self._unknown: set[str] = set()  # Rows whose newest snapshot was erased with its subject.

    def note(self, entry_id: UUID, logged: Iterable[dict[str, Any]]) -> None:
        """Note the snapshots of one record; it is newer than all before."""
        for snapshot in logged:
            self.tables.setdefault(snapshot["table"], {})[snapshot["id"]] = (
                digest(snapshot),
                entry_id,
            )
            self._unknown.discard(snapshot["id"])

    def forget(self, row_ids: Iterable[UUID]) -> None:
        """Note that a newer snapshot of these rows can never be read again."""
        self._unknown.update(str(row_id) for row_id in row_ids)

    def is_unknown(self, row_id: str) -> bool:
        """Return whether the newest snapshot of a row was erased."""
        return row_id in self._unknown


def digest(snapshot: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that tell snapshots apart."""
    return sha256(entries.canonical(snapshot)).digest()[:DIGEST_SIZE_BYTES]


def compare(
    newest: Newest, *, required_models: Sequence[str], chunk: int, progress: Progress
) -> int:
    """Compare each logged row with the row as it is. Returns how many were compared.

    Raises:
        RowChanged: with the first that differs, is gone, is back, or was never logged.
    """
    models = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    total, count = sum(map(len, newest.tables.values())), 0
    for table in sorted(newest.tables.keys() & models.keys()):
        for keys in _chunks(list(newest.tables[table]), chunk):
            known = [key for key in keys if not newest.is_unknown(key)]
            _compare_some(models[table], known, newest)
            count += len(known)
            progress("rows", count, total)
    for label in required_models:
        _check_all_logged(apps.get_model(label), newest)
    _check_destroyed_keys(newest)
    return count


def _compare_some(model: type[Model], keys: Sequence[str], newest: Newest) -> None:
    logged = newest.tables[model._meta.db_table]
    columns = snapshots.logged_columns(model)
    stored = {
        str(key): snapshots.of_columns(model, key, dict(zip(columns, values, strict=True)))
        for key, *values in model._base_manager.filter(pk__in=keys).values_list("pk", *columns)
    }
    for key in keys:
        known, entry_id = logged[key]
        if key not in stored or digest(stored[key]) != known:
            _compare_closely(model._meta.db_table, key, stored.get(key), entry_id)


def _compare_closely(table: str, key: str, stored: dict[str, Any] | None, entry_id: UUID) -> None:
    """Name the column that differs. Columns that did not exist then, or do not now, are left out."""
    logged = _snapshot_in(entry_id, table, key)
    was_deleted = logged.get("deleted", False)
    if stored is None:
        if was_deleted:
            return
        raise RowChanged(f"{table} {key}: is gone, and entry {entry_id} says that it is there")
    if was_deleted:
        raise RowChanged(f"{table} {key}: is there, and entry {entry_id} says that it was deleted")
    for name, value in logged["columns"].items():
        if name in stored["columns"] and stored["columns"][name] != value:
            raise RowChanged(f"{table} {key} column {name}: is not what entry {entry_id} says")


def _snapshot_in(entry_id: UUID, table: str, key: str) -> dict[str, Any]:
    """Return the last snapshot of a row in one record."""
    logged = json.loads(records.read(entry_id).record)["rows"]
    (*_, last) = (row for row in logged if (row["table"], row["id"]) == (table, key))
    return dict(last)


def _check_all_logged(model: type[Model], newest: Newest) -> None:
    logged = newest.tables.get(model._meta.db_table, {})
    keys = model._base_manager.order_by("pk").values_list("pk", flat=True)
    for key in keys.iterator(chunk_size=5_000):
        if str(key) not in logged and not newest.is_unknown(str(key)):
            raise RowChanged(f"{model._meta.db_table} {key}: was never logged")


def _check_destroyed_keys(newest: Newest) -> None:
    """A key that is destroyed without an entry would hide a change of every record under it."""
    logged = newest.tables.get(SubjectKey._meta.db_table, {})
    for row in SubjectKey.objects.filter(destroyed_at__isnull=False).iterator():
        if str(row.pk) not in logged:
            raise RowChanged(
                f"{SubjectKey._meta.db_table} {row.pk}: its destruction was not logged"
            )


def _chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
