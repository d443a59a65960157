"""Reading what an entry commits to: its record and salt, for whoever may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.log import entries
from ledger.log.entries import SALT_SIZE_BYTES
from ledger.log.models import Record
from ledger.log.queries import EntryNotFound
from ledger.vault import keys


@dataclass(frozen=True)
class OpenRecord:
    """A record that was decrypted: canonical JSON, and the salt that it is committed under."""

    entry_id: UUID
    subject_id: UUID | None
    created_at: datetime
    record: bytes
    salt: bytes

    def commitment(self) -> bytes:
        """Return the commitment that the entry must carry."""
        return entries.commitment(salt=self.salt, record=self.record)


def context(entry_id: UUID) -> bytes:
    """Return what binds a record's ciphertext to its entry."""
    return b"log-record\n" + entry_id.bytes


def opened(row: Record, opener: keys.Opener) -> OpenRecord:
    """Return a stored record decrypted.

    Raises:
        KeyDestroyed: its subject was erased.
        CiphertextInvalid: it was changed.
    """
    plain = opener.decrypt(row.subject_id, bytes(row.ciphertext), context(row.entry_id))
    salt, record = plain[:SALT_SIZE_BYTES], plain[SALT_SIZE_BYTES:]
    return OpenRecord(row.entry_id, row.subject_id, row.created_at, record, salt)


def read(entry_id: UUID) -> OpenRecord:
    """Return the record of one entry. Whoever calls this has asked whether the reader may.

    Raises:
        EntryNotFound: there is none.
        KeyDestroyed: its subject was erased.
    """
    row = Record.objects.filter(entry_id=entry_id).first()
    if row is None:
        raise EntryNotFound(entry_id=entry_id)
    return opened(row, keys.Opener())


def readable(entry_ids: Iterable[UUID]) -> Iterator[OpenRecord]:
    """Yield the records of these entries that can still be read, in no order."""
    opener = keys.Opener()
    for row in Record.objects.filter(entry_id__in=list(entry_ids)).iterator(chunk_size=500):
        try:
            yield opened(row, opener)
        except keys.KeyDestroyed:
            continue
