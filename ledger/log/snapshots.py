"""Rows as plain JSON values: what a record keeps of each row, and what is compared with it later."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model
from django.utils.duration import duration_iso_string

INTEGER_MAX = 2**53 - 1  # The largest that RFC 8785 can carry.


class RowNotWritten(RuntimeError):
    """A row was to be recorded that is not in the database: stage after the last write."""


def of_rows(rows: Iterable[Model], *, deleted: bool = False) -> list[dict[str, Any]]:
    """Return the snapshot of each row, in the order given.

    Rows that stand are read again, so that the snapshot is what the database holds and not what the
    caller has in memory. One query for each model. A deleted row is what the caller last saw.

    Raises:
        RowNotWritten: a row that is said to stand is not there.
    """
    rows = list(rows)
    stored = {} if deleted else _stored(rows)
    snapshots = []
    for row in rows:
        model = type(row)
        if deleted:
            columns = {name: getattr(row, name) for name in logged_columns(model)}
        elif (model, row.pk) in stored:
            columns = stored[model, row.pk]
        else:
            raise RowNotWritten(model._meta.label, row.pk)
        snapshots.append(of_columns(model, row.pk, columns, deleted=deleted))
    return snapshots


def of_columns(
    model: type[Model], key: object, columns: Mapping[str, Any], *, deleted: bool = False
) -> dict[str, Any]:
    """Return the snapshot of one row from its column values."""
    snapshot = {
        "table": model._meta.db_table,
        "id": str(key),
        "columns": {name: plain(value) for name, value in columns.items()},
    }
    return snapshot | {"deleted": True} if deleted else snapshot


def logged_columns(model: type[Model]) -> tuple[str, ...]:
    """Return the attribute names of a model's columns, without those in its `LOG_EXCLUDED`."""
    excluded = frozenset(getattr(model, "LOG_EXCLUDED", ()))
    return tuple(
        field.attname
        for field in model._meta.concrete_fields
        if not excluded & {field.name, field.attname}
    )


def plain(value: Any) -> Any:  # noqa: PLR0912  # One return for each kind of value.
    """Return a value as JSON can carry it, the same way every time.

    Times are UTC with microseconds and `Z`; decimals, and integers beyond 2^53, are strings; bytes
    are base64.

    Raises:
        TypeError: there is no agreed form for such a value.
    """
    match value:
        case None | bool():
            return value
        case Enum():
            return plain(value.value)
        case str():
            return str(value)
        case int():
            return value if abs(value) <= INTEGER_MAX else str(value)
        case float():
            return value if math.isfinite(value) else repr(value)
        case Decimal():
            return format(value, "f")
        case UUID():
            return str(value)
        case datetime():
            return moment(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return duration_iso_string(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(plain(item) for item in value)
        case Sequence():
            return [plain(item) for item in value]
        case _:
            raise TypeError(f"no plain form for {type(value).__name__}")


def moment(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC with microseconds: `2026-06-01T12:00:00.000000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _stored(rows: Sequence[Model]) -> dict[tuple[type[Model], Any], dict[str, Any]]:
    by_model: dict[type[Model], list[Any]] = {}
    for row in rows:
        by_model.setdefault(type(row), []).append(row.pk)
    found: dict[tuple[type[Model], Any], dict[str, Any]] = {}
    for model, keys in by_model.items():
        statement, read = _reader(model)
        with connection.cursor() as cursor:
            cursor.execute(statement, [keys])
            for values in cursor.fetchall():
                key, columns = read(values)
                found[model, key] = columns
    return found


@lru_cache(maxsize=256)
def _reader(
    model: type[Model],
) -> tuple[str, Callable[[Sequence[Any]], tuple[Any, dict[str, Any]]]]:
    """Return the statement that reads rows of a model by key, and what makes values of its answer.

    What the ORM would build each time, built once: every transaction of the service pays for this.
    """
    key = model._meta.pk
    logged = frozenset(logged_columns(model))
    fields = [field for field in model._meta.concrete_fields if field.attname in logged]
    columns = [field.get_col(model._meta.db_table) for field in (key, *fields)]
    converters = [
        [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        for column in columns
    ]
    quoted = connection.ops.quote_name
    names = ", ".join(quoted(str(field.column)) for field in (key, *fields))
    table = quoted(model._meta.db_table)

    def read(values: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
        converted = [
            _converted(value, column, steps)
            for value, column, steps in zip(values, columns, converters, strict=True)
        ]
        names = (field.attname for field in fields)
        return converted[0], dict(zip(names, converted[1:], strict=True))

    statement = f"SELECT {names} FROM {table} WHERE {quoted(str(key.column))} = ANY(%s)"  # noqa: S608  # Quoted names of ours.
    return statement, read


def _converted(value: Any, column: Any, converters: Iterable[Callable[..., Any]]) -> Any:
    for convert in converters:
        value = convert(value, column, connection)
    return value
