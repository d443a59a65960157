"""The books as the database keeps them: once, balanced, for ever."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from ledger.log.models import StagedEntry
from rights.settlement import books, queries
from rights.settlement.books import BooksKeyReused, NothingPending
from rights.settlement.entries import Entry, Layer, Leg
from rights.settlement.models import LedgerAccount, Posting, Transfer
from tests.factories import accounts
from tests.factories.settlement import NOON

pytestmark = pytest.mark.django_db
COMMITS = pytest.mark.django_db(transaction=True)


def entry(key: str = "key-1", amount: int = 100, *, owner: UUID | None = None) -> Entry:
    payee = owner or accounts.account().id
    return Entry(key, "payout", "usd", (Leg("stripe", -amount), Leg("payable", amount, payee)))


def hold(key: str = "hold", amount: int = 100, currency: str = "usd") -> Entry:
    legs = (
        Leg("stripe", amount, layer=Layer.PENDING),
        Leg("buyer_clearing", -amount, layer=Layer.PENDING),
    )
    return Entry(key, "authorisation", currency, legs)


def let_go(key: str, of: str, amount: int = 100) -> Entry:
    legs = (
        Leg("stripe", -amount, layer=Layer.PENDING),
        Leg("buyer_clearing", amount, layer=Layer.PENDING),
    )
    return Entry(key, "void", "usd", legs, resolves=of)


def post(written: Entry) -> UUID:
    with transaction.atomic():
        return books.post(written, at=NOON)


class TestPost:
    def test_writes_every_side(self) -> None:
        transfer_id = post(entry())

        assert sorted(
            Posting.objects.filter(transfer_id=transfer_id).values_list("amount_minor", flat=True)
        ) == [-100, 100]

    def test_writes_a_key_once(self) -> None:
        written = entry()

        assert post(written) == post(written)
        assert Transfer.objects.count() == 1
        assert Posting.objects.count() == 2

    def test_refuses_a_key_for_something_else(self) -> None:
        owner = accounts.account().id
        post(entry(owner=owner))

        with pytest.raises(BooksKeyReused):
            post(entry(amount=101, owner=owner))

    @COMMITS
    def test_writes_a_key_once_when_two_come_at_once(self) -> None:
        written, found = entry(), []

        def run() -> None:
            try:
                found.append(post(written))
            finally:
                connection.close()

        at_once(run, times=4)

        assert len(set(found)) == 1
        assert Posting.objects.count() == 2

    @COMMITS
    def test_opens_an_account_once_when_many_need_it_at_once(self) -> None:
        keys = iter([f"key-{number}" for number in range(8)])
        owner = accounts.account().id

        def run() -> None:
            try:
                post(entry(next(keys), owner=owner))
            finally:
                connection.close()

        at_once(run, times=8)

        assert LedgerAccount.objects.count() == 2
        assert Posting.objects.count() == 16

    def test_keeps_currencies_apart(self) -> None:
        post(hold("dollars", 100, "usd"))
        post(hold("yen", 70, "jpy"))
        post(hold("dinars", 1_250, "kwd"))

        found = {(row.currency, row.code): row.pending_minor for row in queries.books().balances}
        assert found["jpy", "stripe"] == 70
        assert found["kwd", "buyer_clearing"] == -1_250
        assert queries.books().is_balanced


class TestRecord:
    def test_logs_the_rows_once(self) -> None:
        written = entry()
        for _ in range(2):
            with transaction.atomic():
                books.record(written, at=NOON)

        assert StagedEntry.objects.count() == 1


class TestPending:
    def test_is_resolved_once(self) -> None:
        post(hold())
        post(let_go("first", "hold"))

        with pytest.raises(IntegrityError, match="pending_transfer_is_resolved_once"):
            post(let_go("second", "hold"))

        assert all(row.pending_minor == 0 for row in queries.books().balances)

    def test_must_exist_to_be_resolved(self) -> None:
        with pytest.raises(NothingPending):
            post(let_go("first", "nothing"))

    def test_is_resolved_only_by_what_can(self) -> None:
        post(hold())
        wrong = Entry("wrong", "payout", "usd", let_go("x", "hold").legs, resolves="hold")

        with pytest.raises(IntegrityError, match="transfer_resolves_what_its_kind_can"):
            post(wrong)


class TestDatabase:
    def test_refuses_debits_that_are_not_credits(self) -> None:
        accounts_of_books = self.accounts()

        with transaction.atomic():
            self.insert([(accounts_of_books[0], 100), (accounts_of_books[1], -99)])

            self.refuses_to_commit()

    def test_refuses_sides_in_two_layers(self) -> None:
        first, second = self.accounts()

        with transaction.atomic():
            transfer = self.transfer(2)
            Posting.objects.bulk_create(
                [
                    self.posting(transfer, first, 100, "pending"),
                    self.posting(transfer, second, -100),
                ]
            )

            self.refuses_to_commit()

    def test_refuses_sides_in_two_currencies(self) -> None:
        first, _ = self.accounts()
        euros = LedgerAccount.objects.create(code="platform_revenue", currency="eur")

        with transaction.atomic():
            self.insert([(first, 100), (euros, -100)])

            self.refuses_to_commit()

    def test_refuses_a_transfer_without_its_sides(self) -> None:
        with transaction.atomic():
            self.transfer(2)

            self.refuses_to_commit()

    def test_refuses_to_add_balanced_sides_later(self) -> None:
        first, second = self.accounts()
        transfer = self.insert([(first, 100), (second, -100)])

        with (
            pytest.raises(IntegrityError, match="postings of a transfer are written together"),
            transaction.atomic(),
        ):
            Posting.objects.bulk_create(
                [self.posting(transfer, first, 5), self.posting(transfer, second, -5)]
            )

    def test_refuses_a_side_that_moves_nothing(self) -> None:
        first, _ = self.accounts()

        with pytest.raises(IntegrityError, match="posting_moves_something"), transaction.atomic():
            self.posting(self.transfer(2), first, 0).save(force_insert=True)

    def test_refuses_one_balance_transaction_twice(self) -> None:
        legs = (Leg("stripe", -5), Leg("processing_fees", 5))
        post(Entry("one", "payout", "usd", legs, balance_transaction="txn_1"))

        with pytest.raises(IntegrityError, match="balance_transaction_is_booked_once"):
            post(Entry("two", "payout", "usd", legs, balance_transaction="txn_1"))

    @pytest.mark.parametrize("model", [Transfer, Posting, LedgerAccount])
    def test_refuses_to_delete(self, model: type[Transfer | Posting | LedgerAccount]) -> None:
        post(entry())

        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            model._base_manager.all()._raw_delete("default")

    @pytest.mark.parametrize(
        ("model", "field", "value"),
        [
            (Posting, "amount_minor", 1),
            (Transfer, "key", "other"),
            (LedgerAccount, "currency", "eur"),
        ],
    )
    def test_refuses_to_change(
        self, model: type[Transfer | Posting | LedgerAccount], field: str, value: object
    ) -> None:
        post(entry())

        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            model._base_manager.update(**{field: value})

    @pytest.mark.parametrize(
        "fields",
        [
            {"code": "payable"},
            {"code": "pocket"},
        ],
    )
    def test_refuses_an_account_that_is_nobodys_or_unknown(self, fields: dict[str, str]) -> None:
        with pytest.raises(IntegrityError, match="ledger_account"), transaction.atomic():
            LedgerAccount.objects.create(currency="usd", **fields)

    @COMMITS
    def test_refuses_it_at_the_commit_itself(self) -> None:
        def write() -> None:
            with transaction.atomic():
                self.transfer(2)

        with pytest.raises(IntegrityError, match="not balanced"):
            write()

        assert Transfer.objects.count() == 0

    def refuses_to_commit(self) -> None:
        """Fire the deferred triggers now, as a commit does, and then forget all of it."""
        with pytest.raises(IntegrityError, match="not balanced"):
            connection.check_constraints()
        transaction.set_rollback(True)

    def accounts(self) -> tuple[LedgerAccount, LedgerAccount]:
        return (
            LedgerAccount.objects.create(code="stripe", currency="usd"),
            LedgerAccount.objects.create(code="platform_revenue", currency="usd"),
        )

    def insert(self, sides: list[tuple[LedgerAccount, int]]) -> Transfer:
        with transaction.atomic():
            transfer = self.transfer(len(sides))
            Posting.objects.bulk_create(
                self.posting(transfer, account, amount) for account, amount in sides
            )
        return transfer

    def transfer(self, count: int) -> Transfer:
        return Transfer.objects.create(
            key=str(uuid.uuid4()), kind="payout", postings_count=count, at=NOON
        )

    def posting(
        self, transfer: Transfer, account: LedgerAccount, amount: int, layer: str = "posted"
    ) -> Posting:
        return Posting(transfer=transfer, account=account, layer=layer, amount_minor=amount)


def at_once(run: Callable[[], None], *, times: int) -> None:
    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
