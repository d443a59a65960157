"""Posting to the books: one statement for a transaction, all its sides and the accounts it opens."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from ledger.db import step
from ledger.errors import Conflict
from ledger.log import actions as log
from rights.settlement.entries import Entry
from rights.settlement.models import Posting, Transfer

_ACCOUNTS = UUID("6f1d1b54-51b5-4f6c-9c3e-6a0f8c3d2b10")


class BooksKeyReused(Conflict):
    code = "books-key-reused"
    title = "This key was used for another transaction of the books."


class NothingPending(Conflict):
    code = "books-nothing-pending"
    title = "There is no pending transaction to resolve."


# One round trip. A key that was used, or a pending transfer that is not there, inserts nothing.
POST = """
WITH leg AS (
    SELECT * FROM unnest(
        %(accounts)s::uuid[], %(codes)s::text[], %(owners)s::uuid[],
        %(layers)s::text[], %(amounts)s::bigint[]
    ) AS leg (account_id, code, owner_id, layer, amount_minor)
), opened AS (
    INSERT INTO rights_ledgeraccount (id, code, owner_id, currency)
    SELECT DISTINCT leg.account_id, leg.code, leg.owner_id, %(currency)s::text
    FROM leg
    WHERE NOT EXISTS (SELECT 1 FROM rights_ledgeraccount WHERE id = leg.account_id)
    ORDER BY leg.account_id
    ON CONFLICT DO NOTHING
), transfer AS (
    INSERT INTO rights_transfer
        (id, key, kind, licence_id, resolves_id, balance_transaction, postings_count, at)
    SELECT %(id)s::uuid, %(key)s::text, %(kind)s::text, %(licence_id)s::uuid,
           (SELECT id FROM rights_transfer WHERE key = %(resolves)s::text),
           %(balance_transaction)s::text, %(count)s::smallint, %(at)s::timestamptz
    WHERE %(resolves)s::text IS NULL
       OR EXISTS (SELECT 1 FROM rights_transfer WHERE key = %(resolves)s::text)
    ON CONFLICT (key) DO NOTHING
    RETURNING id
), postings AS (
    INSERT INTO rights_posting (id, transfer_id, account_id, layer, amount_minor)
    SELECT gen_random_uuid(), transfer.id, leg.account_id, leg.layer, leg.amount_minor
    FROM transfer, leg
)
SELECT id FROM transfer
"""


@step
def post(entry: Entry, *, at: datetime) -> UUID:
    """Write one entry, at most once by its key. Returns the transfer's id. One round trip.

    Raises:
        BooksKeyReused: the key stands for other amounts.
        NothingPending: the pending entry that this one resolves was never written.
        IntegrityError: it was resolved before, or the balance transaction is booked already.
    """
    return _post(entry, at=at)[0]


@step
def record(entry: Entry, *, at: datetime) -> UUID:
    """Write one entry and log its rows. Returns the transfer's id. A repeated key logs nothing."""
    transfer_id, is_new = _post(entry, at=at)
    if is_new:
        rows = [
            *Transfer.objects.filter(id=transfer_id),
            *Posting.objects.filter(transfer_id=transfer_id).order_by("id"),
        ]
        log.stage(type=f"books.{entry.kind}", at=at, subject_id=None, rows=rows)
    return transfer_id


def account_id(*, code: str, owner_id: UUID | None, currency: str) -> UUID:
    """Return the id that an account of the books has: made of what it is, so nothing is looked up."""
    return uuid.uuid5(_ACCOUNTS, f"{code}:{owner_id or ''}:{currency}")


def _post(entry: Entry, *, at: datetime) -> tuple[UUID, bool]:
    new_id = uuid.uuid4()
    legs = entry.legs
    parameters: dict[str, Any] = {
        "id": new_id,
        "key": entry.key,
        "kind": entry.kind,
        "currency": entry.currency,
        "licence_id": entry.licence_id,
        "resolves": entry.resolves,
        "balance_transaction": entry.balance_transaction,
        "count": len(legs),
        "accounts": [
            account_id(code=leg.code, owner_id=leg.owner_id, currency=entry.currency)
            for leg in legs
        ],
        "codes": [leg.code for leg in legs],
        "owners": [leg.owner_id for leg in legs],
        "layers": [leg.layer.value for leg in legs],
        "amounts": [leg.amount_minor for leg in legs],
        "at": at,
    }
    # psycopg's own cursor binds on the server, so the statement is planned once for a connection.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(POST, parameters, prepare=True)
        if cursor.fetchone() is not None:
            return new_id, True
    return _same(entry), False


def _same(entry: Entry) -> UUID:
    """Return the transfer that used the key before, once it is known to be the same."""
    transfer = Transfer.objects.filter(key=entry.key).first()
    if transfer is None:
        raise NothingPending(key=entry.resolves)
    before = sorted(
        Posting.objects.filter(transfer=transfer).values_list(
            "account__code", "account__owner_id", "account__currency", "layer", "amount_minor"
        ),
        key=str,
    )
    wanted = sorted(
        (
            (leg.code, leg.owner_id, entry.currency, leg.layer.value, leg.amount_minor)
            for leg in entry.legs
        ),
        key=str,
    )
    if before != wanted or transfer.kind != entry.kind:
        raise BooksKeyReused(key=entry.key, transfer_id=transfer.id)
    return transfer.id
