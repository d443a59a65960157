"""Staging: the fact and its entry are one, and the entry says nothing about anybody."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
from django.db import transaction

from ledger.accounts.models import Account, Follow
from ledger.db import StepOutsideTransaction
from ledger.log import actions as log
from ledger.log import records
from ledger.log.entries import EntryTooLarge
from ledger.log.models import Record, StagedEntry
from ledger.log.snapshots import RowNotWritten
from ledger.vault.keys import KeyDestroyed
from ledger.vault.models import SubjectKey
from tests.conftest import NOON


def account(**fields: object) -> Account:
    name = uuid.uuid4().hex[:20]
    return Account.objects.create(email=f"{name}@example.com", handle=name, **fields)


class TestStage:
    @pytest.mark.django_db
    def test_leaves_an_entry_that_commits_to_its_record(self) -> None:
        person = account()

        entry_id = log.stage(
            type="account.made",
            at=NOON,
            subject_id=person.id,
            rows=[person],
            details={"why": "asked"},
            public={"gate": "request"},
        )

        data = bytes(StagedEntry.objects.get().data)
        found = records.read(entry_id)
        entry = json.loads(data)
        assert entry.pop("commitment") == base64.b64encode(found.commitment()).decode()
        assert entry == {
            "v": 1,
            "type": "account.made",
            "at": "2026-06-01T12:00:00.000000Z",
            "id": str(entry_id),
            "gate": "request",
        }
        record = json.loads(found.record)
        assert record["details"] == {"why": "asked"}
        assert record["rows"][0]["table"] == "ledger_account"
        assert record["rows"][0]["columns"]["email"] == person.email
        assert "password" not in record["rows"][0]["columns"]

    @pytest.mark.django_db
    def test_lets_nobody_see_the_person_in_the_entry_or_the_stored_record(self) -> None:
        person = account()

        log.stage(type="account.made", at=NOON, subject_id=person.id, rows=[person])

        stored = bytes(StagedEntry.objects.get().data) + bytes(Record.objects.get().ciphertext)
        for known in (person.email, person.handle, str(person.id), person.id.bytes.hex()):
            assert known.encode() not in stored

    @pytest.mark.django_db
    def test_commits_to_equal_records_differently(self) -> None:
        first, second = (log.stage(type="a.b", at=NOON, subject_id=None) for _ in range(2))

        assert records.read(first).record == records.read(second).record
        assert records.read(first).commitment() != records.read(second).commitment()

    @pytest.mark.django_db
    def test_keeps_what_the_database_holds_and_not_what_the_caller_has(self) -> None:
        person = account()
        person.display_name = "never saved"

        entry_id = log.stage(type="a.b", at=NOON, subject_id=None, rows=[person])

        assert json.loads(records.read(entry_id).record)["rows"][0]["columns"]["display_name"] == ""

    @pytest.mark.django_db
    def test_keeps_rows_that_were_deleted_as_deleted(self) -> None:
        follow = Follow.objects.create(follower=account(), followed=account(), created_at=NOON)
        follow_id = follow.id
        Follow.objects.all().delete()

        entry_id = log.stage(type="a.b", at=NOON, subject_id=None, deleted_rows=[follow])

        (row,) = json.loads(records.read(entry_id).record)["rows"]
        assert (row["id"], row["deleted"]) == (str(follow_id), True)
        assert Record.objects.get().row_ids == [follow_id]

    @pytest.mark.django_db
    def test_refuses_a_row_that_is_not_written(self) -> None:
        with pytest.raises(RowNotWritten):
            log.stage(type="a.b", at=NOON, subject_id=None, rows=[Account()])

    @pytest.mark.django_db
    def test_takes_the_id_that_a_row_already_names(self) -> None:
        entry_id = uuid.uuid4()

        assert log.stage(type="a.b", at=NOON, subject_id=None, entry_id=entry_id) == entry_id

    @pytest.mark.django_db
    @pytest.mark.parametrize("name", ["", "one", "One.two", "a..b", "a.b ", ".a", "a.b\n"])
    def test_refuses_a_type_that_is_not_dotted_words(self, name: str) -> None:
        with pytest.raises(ValueError, match="type"):
            log.stage(type=name, at=NOON, subject_id=None)

    @pytest.mark.django_db
    @pytest.mark.parametrize("name", ["v", "type", "at", "id", "commitment"])
    def test_refuses_a_public_member_that_every_entry_has(self, name: str) -> None:
        with pytest.raises(ValueError, match="reserved"):
            log.stage(type="a.b", at=NOON, subject_id=None, public={name: 1})

    @pytest.mark.django_db
    def test_refuses_what_does_not_fit(self) -> None:
        with pytest.raises(EntryTooLarge):
            log.stage(type="a.b", at=NOON, subject_id=None, public={"a": "b" * 65_535})
        with pytest.raises(EntryTooLarge):
            log.stage(type="a.b", at=NOON, subject_id=None, details={"a": "b" * 1_048_576})

    @pytest.mark.django_db
    def test_needs_no_query_more_for_more_rows_of_a_kind(
        self, django_assert_num_queries: object
    ) -> None:
        log.stage(type="a.b", at=NOON, subject_id=None)
        rows = [account() for _ in range(5)]

        with django_assert_num_queries(3):  # type: ignore[operator]  # A fixture.
            log.stage(type="a.b", at=NOON, subject_id=None, rows=rows)

    @pytest.mark.django_db(transaction=True)
    def test_refuses_to_run_outside_the_transaction_of_its_fact(self) -> None:
        with pytest.raises(StepOutsideTransaction):
            log.stage(type="a.b", at=NOON, subject_id=None)

    @pytest.mark.django_db(transaction=True)
    def test_leaves_nothing_when_its_fact_is_rolled_back(self) -> None:
        with transaction.atomic():
            log.stage(type="a.b", at=NOON, subject_id=None)
            transaction.set_rollback(True)

        assert not StagedEntry.objects.exists()
        assert not Record.objects.exists()


@pytest.mark.django_db
class TestErase:
    def test_destroys_the_key_and_logs_that_about_nobody(self) -> None:
        subject_id = uuid.uuid4()
        before = log.stage(type="a.b", at=NOON, subject_id=subject_id)

        after = log.erase(subject_id=subject_id, at=NOON)

        entry = json.loads(bytes(StagedEntry.objects.get(entry_id=after).data))
        key = SubjectKey.objects.get(subject_id=subject_id)
        (row,) = json.loads(records.read(after).record)["rows"]
        assert entry["type"] == "vault.key-destroyed"
        assert str(subject_id) not in json.dumps(entry)
        assert (row["id"], "wrapped" in row["columns"]) == (str(key.id), False)
        with pytest.raises(KeyDestroyed):
            records.read(before)

    def test_lets_nothing_be_kept_about_the_subject_afterwards(self) -> None:
        subject_id = uuid.uuid4()
        log.erase(subject_id=subject_id, at=NOON)

        with pytest.raises(KeyDestroyed):
            log.stage(type="a.b", at=NOON, subject_id=subject_id)
