"""Whose is this mark, and which videos look like this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection

from provenance.marks.fields import BITS
from provenance.marks.models import Fingerprint, MarkIndex

DISTANCE_MAX: Final = 48  # Bits of 256: farther apart, two fingerprints are not of one video.
MATCHES_MAX: Final = 10


@dataclass(frozen=True)
class Match:
    """A registered video, and how many of 256 bits its fingerprint differs by."""

    use_id: UUID
    code: str
    distance: int


def use_of_mark(mark_id: int) -> UUID | None:
    """Return the use whose video carries a mark id, or None."""
    return MarkIndex.objects.filter(mark_id=mark_id).values_list("use_id", flat=True).first()


def fingerprint_of(use_id: UUID) -> str | None:
    """Return the registered code of a use's video, or None."""
    return Fingerprint.objects.filter(use_id=use_id).values_list("code", flat=True).first()


def nearest(
    bits: int, *, distance_max: int = DISTANCE_MAX, limit: int = MATCHES_MAX
) -> tuple[Match, ...]:
    """Return the registered videos nearest to a fingerprint, nearest first. One scan.

    The fingerprint zero, which every video without contrast has, is near to nothing.
    """
    if bits == 0:
        return ()
    digits = format(bits, f"0{BITS}b")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT use_id, code, distance
            FROM (SELECT use_id, code, bit_count(bits # %s::bit(256))::int AS distance
                  FROM {Fingerprint._meta.db_table}) AS compared
            WHERE distance <= %s
            ORDER BY distance, use_id
            LIMIT %s
            """,  # noqa: S608  # The table's name is our own.
            [digits, distance_max, limit],
        )
        return tuple(Match(*row) for row in cursor.fetchall())
