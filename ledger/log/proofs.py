"""Proof files for outsiders."""

from __future__ import annotations

from uuid import UUID

from ledger.log import queries


def tlog_proof(entry_id: UUID) -> str:
    """Return the proof file (C2SP tlog-proof v1) of one entry, under the newest published checkpoint.

    Raises:
        EntryNotFound: there is no such entry.
        NotYetPublished: try again in a moment.
    """
    return queries.inclusion(entry_id).encode()
