"""Posting to the books: one statement for a transaction and all its sides."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from ledger.db import step
from ledger.errors import Conflict
from ledger.log import actions as log
from rights.settlement.entries import Entry
from rights.settlement.models import LedgerAccount, Posting, Transfer


class BooksKeyReused(Conflict):
    code = "books-key-reused"
    title = "This key was used for another transaction of the books."


class NothingPending(Conflict):
    code = "books-nothing-pending"
    title = "There is no pending transaction to resolve."


# The transfer and its postings in one round trip. A key that was used inserts nothing.
POST = """
WITH transfer AS (
    INSERT INTO rights_transfer
        (id, key, kind, licence_id, resolves_id, balance_transaction, postings_count, at)
    VALUES (%(id)s, %(key)s, %(kind)s, %(licence_id)s, %(resolves_id)s, %(balance_transaction)s,
            cardinality(%(accounts)s::uuid[]), %(at)s)
    ON CONFLICT (key) DO NOTHING
    RETURNING id
), postings AS (
    INSERT INTO rights_posting (id, transfer_id, account_id, layer, amount_minor)
    SELECT gen_random_uuid(), transfer.id, leg.account_id, leg.layer, leg.amount_minor
    FROM transfer,
         unnest(%(accounts)s::uuid[], %(layers)s::text[], %(amounts)s::bigint[])
             AS leg (account_id, layer, amount_minor)
)
SELECT id FROM transfer
"""


@step
def post(entry: Entry, *, at: datetime) -> UUID:
    """Write one entry, at most once by its key. Returns the transfer's id. Two round trips or three.

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


def _post(entry: Entry, *, at: datetime) -> tuple[UUID, bool]:
    accounts = _accounts(entry)
    new_id = uuid.uuid4()
    parameters: dict[str, Any] = {
        "id": new_id,
        "key": entry.key,
        "kind": entry.kind,
        "licence_id": entry.licence_id,
        "resolves_id": _pending(entry),
        "balance_transaction": entry.balance_transaction,
        "accounts": [accounts[leg.code, leg.owner_id] for leg in entry.legs],
        "layers": [leg.layer.value for leg in entry.legs],
        "amounts": [leg.amount_minor for leg in entry.legs],
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(POST, parameters)
        if cursor.fetchone() is not None:
            return new_id, True
    return _same(entry), False


def _accounts(entry: Entry) -> dict[tuple[str, UUID | None], UUID]:
    """Return the ids of the entry's accounts, opening those that are new."""
    wanted = {(leg.code, leg.owner_id) for leg in entry.legs}
    found = _find_accounts(wanted, entry.currency)
    missing = sorted(wanted - found.keys(), key=str)
    if missing:
        LedgerAccount.objects.bulk_create(
            (
                LedgerAccount(code=code, owner_id=owner_id, currency=entry.currency)
                for code, owner_id in missing
            ),
            ignore_conflicts=True,  # Another transaction opened it first.
        )
        found = _find_accounts(wanted, entry.currency)
    return found


def _find_accounts(
    wanted: set[tuple[str, UUID | None]], currency: str
) -> dict[tuple[str, UUID | None], UUID]:
    owners = [owner_id for _, owner_id in wanted if owner_id is not None]
    rows = LedgerAccount.objects.filter(
        Q(owner_id__isnull=True) | Q(owner_id__in=owners),
        currency=currency,
        code__in={code for code, _ in wanted},
    )
    return {
        (code, owner_id): row_id
        for row_id, code, owner_id in rows.values_list("id", "code", "owner_id")
        if (code, owner_id) in wanted
    }


def _pending(entry: Entry) -> UUID | None:
    if entry.resolves is None:
        return None
    row_id = Transfer.objects.filter(key=entry.resolves).values_list("id", flat=True).first()
    if row_id is None:
        raise NothingPending(key=entry.resolves)
    return row_id


def _same(entry: Entry) -> UUID:
    """Return the transfer that used the key before, once it is known to be the same."""
    transfer = Transfer.objects.get(key=entry.key)
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
