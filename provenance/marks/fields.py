"""A column of 256 bits, which PostgreSQL counts and compares itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.db import models

BITS: Final = 256


if TYPE_CHECKING:
    _Field = models.Field[int, int]
else:
    _Field = models.Field  # Django's own class takes no parameters at run time.


class Bits256Field(_Field):
    """An unsigned integer of 256 bits in a column `bit(256)`."""

    description = "256 bits"

    def db_type(self, connection: Any) -> str:
        return f"bit({BITS})"

    def get_prep_value(self, value: Any) -> str | None:
        """Return the bits as digits, or raise ValueError when they are more than 256."""
        if value is None or isinstance(value, str):
            return value
        if not 0 <= int(value) < 1 << BITS:
            raise ValueError("not 256 bits")
        return format(int(value), f"0{BITS}b")

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> int | None:
        return None if value is None else int(value, 2)

    def to_python(self, value: Any) -> int | None:
        return int(value, 2) if isinstance(value, str) else value

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""
