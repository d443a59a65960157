"""Writing to the log: stage an entry in the transaction of the fact that it records."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from ledger.db import step
from ledger.log import entries, records, snapshots
from ledger.vault import keys

# One round trip: every transaction of the service pays for this one.
_STAGE = """
WITH kept AS (
    INSERT INTO ledger_record (entry_id, subject_id, row_ids, ciphertext, created_at)
    VALUES (%s, %s, %s::uuid[], %s, %s))
INSERT INTO ledger_stagedentry (entry_id, data, staged_at) VALUES (%s, %s, %s)
"""


@step
def stage(
    *,
    type: str,  # noqa: A002  # The entry's own word.
    at: datetime,
    subject_id: UUID | None,
    rows: Sequence[Model] = (),
    deleted_rows: Sequence[Model] = (),
    details: Mapping[str, Any] | None = None,
    public: Mapping[str, Any] | None = None,
    entry_id: UUID | None = None,
) -> UUID:
    """Stage one entry and keep its record. Returns the entry's id. Call it after the last write.

    Args:
        type: dotted words, `grant.revoked`.
        subject_id: whose key the record lies under; None for what is about nobody.
        rows: each is read again and kept as it is now; `LOG_EXCLUDED` names columns left out.
        deleted_rows: rows that this transaction deleted, as the caller last saw them.
        details: what else the record says; never public.
        public: what everybody may read. No personal data, no pseudonym that repeats.
        entry_id: given when a row must name its own entry; drawn at random otherwise.

    Raises:
        KeyDestroyed: the subject was erased; nothing can be kept about them.
        EntryTooLarge: the entry has more than 65,535 bytes, or its record more than 1 MiB.
        RowNotWritten: a row of `rows` is not in the database.
    """
    entry_id = entry_id or uuid.uuid4()
    record = entries.canonical(
        {
            "rows": snapshots.of_rows(rows) + snapshots.of_rows(deleted_rows, deleted=True),
            "details": snapshots.plain(details or {}),
        }
    )
    if len(record) > entries.RECORD_SIZE_BYTES_MAX:
        raise entries.EntryTooLarge(
            size_bytes=len(record), limit_bytes=entries.RECORD_SIZE_BYTES_MAX
        )
    salt = secrets.token_bytes(entries.SALT_SIZE_BYTES)
    data = entries.encode(
        type=type,
        at=snapshots.moment(at),
        entry_id=entry_id,
        commitment=entries.commitment(salt=salt, record=record),
        public=snapshots.plain(public or {}),
    )
    row_ids = [row.pk for row in (*rows, *deleted_rows) if isinstance(row.pk, UUID)]
    ciphertext = keys.encrypt(subject_id, salt + record, records.context(entry_id))
    with connection.cursor() as cursor:
        cursor.execute(_STAGE, [entry_id, subject_id, row_ids, ciphertext, at, entry_id, data, at])
    return entry_id  # No NOTIFY: it would make all commits wait for each other; see sequencing.


@step
def erase(*, subject_id: UUID, at: datetime, details: Mapping[str, Any] | None = None) -> UUID:
    """Destroy the subject's key for ever, and log that. Returns the entry's id.

    The entry is about nobody: it lies under the service's key, and names no person in public. Stage
    what else must be recorded about the subject before.
    """
    row = keys.destroy(subject_id, at)
    return stage(type="vault.key-destroyed", at=at, subject_id=None, rows=[row], details=details)
