"""Questions, facts and decisions as JSON and back, so that a stored decision can be replayed. Pure."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Return JSON-able data for a tree of frozen dataclasses."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], data: Any) -> T:
    """Return the dataclass `kind` that `to_json` made `data` from.

    Raises:
        KeyError, ValueError: the data is not of that shape.
    """
    hints = typing.get_type_hints(kind)
    return kind(**{name: _value(hint, data[name]) for name, hint in hints.items()})


def _value(hint: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return _value(next(each for each in arguments if each is not type(None)), data)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in data)
    if dataclasses.is_dataclass(hint):
        return from_json(typing.cast(type[Any], hint), data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(data)
    if hint is datetime:
        return datetime.fromisoformat(data)
    if hint in (UUID, Decimal):
        return hint(data)
    return data
