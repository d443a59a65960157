"""`verify_log` finds and names every change, whoever made it."""

from __future__ import annotations

import uuid
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from pytest_django import Settings

from ledger.accounts.models import Account, Follow
from ledger.log import actions as log
from ledger.log import identity, merkle, queries
from ledger.log.checkpoints import Checkpoint as Head
from ledger.log.models import Checkpoint, Entry
from ledger.log.notes import Note
from tests.conftest import NOON
from tests.factories import log as logs
from tests.ledger.log.test_sequencing import superuser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_required(settings: Settings) -> None:
    settings.LOG_REQUIRED_MODELS = []


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_log", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def changed(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        verify(*arguments)
    assert caught.value.returncode == 2
    return str(caught.value)


@transaction.atomic
def account() -> Account:
    name = uuid.uuid4().hex[:20]
    made = Account.objects.create(email=f"{name}@example.com", handle=name)
    log.stage(type="account.made", at=NOON, subject_id=made.id, rows=[made])
    return made


@transaction.atomic
def rename(person: Account, name: str) -> None:
    Account.objects.filter(id=person.id).update(display_name=name)
    log.stage(type="account.renamed", at=NOON, subject_id=person.id, rows=[person])


class TestIntact:
    def test_is_said_of_an_empty_log(self) -> None:
        assert "verified 0 entries under 0 checkpoints" in verify()

    def test_is_said_of_a_log_with_staged_deleted_and_erased_things(self) -> None:
        ada, ben = account(), account()
        with transaction.atomic():
            follow = Follow.objects.create(follower=ada, followed=ben, created_at=NOON)
            log.stage(type="follow.made", at=NOON, subject_id=ada.id, rows=[follow])
        logs.stage(300)
        logs.sequence_all()
        with transaction.atomic():
            gone = Follow.objects.get()
            Follow.objects.all().delete()
            log.stage(type="follow.ended", at=NOON, subject_id=ada.id, deleted_rows=[gone])
        rename(ben, "Ben")
        with transaction.atomic():
            log.erase(subject_id=ada.id, at=NOON)
        superuser(f"UPDATE ledger_account SET display_name = '' WHERE id = '{ada.id}'")

        said = verify("--chunk=100")

        assert "verified 303 entries under 1 checkpoints, 3 staged" in said
        assert "3 records were erased" in said

    def test_is_said_while_a_row_is_changed_again_and_again(self) -> None:
        person = account()
        for number in range(5):
            rename(person, str(number))
            logs.sequence_all()

        assert "under 5 checkpoints" in verify()


class TestRows:
    def test_that_were_changed_are_named_with_their_column(self) -> None:
        account()
        person = account()
        logs.sequence_all()
        Account.objects.filter(id=person.id).update(display_name="Mallory")

        assert f"ledger_account {person.id} column display_name" in changed()

    def test_that_were_changed_back_to_an_older_state_are_found(self) -> None:
        person = account()
        rename(person, "Ada")
        logs.sequence_all()
        Account.objects.filter(id=person.id).update(display_name="")

        assert "column display_name" in changed()

    def test_that_are_gone_are_found(self) -> None:
        person = account()
        logs.sequence_all()
        superuser(f"DELETE FROM ledger_account WHERE id = '{person.id}'")

        assert f"ledger_account {person.id}: is gone" in changed()

    def test_that_came_back_are_found(self) -> None:
        with transaction.atomic():
            follow = Follow.objects.create(follower=account(), followed=account(), created_at=NOON)
            Follow.objects.all().delete()
            log.stage(type="follow.ended", at=NOON, subject_id=None, deleted_rows=[follow])
        logs.sequence_all()
        Follow.objects.bulk_create([follow])

        assert f"ledger_follow {follow.id}: is there" in changed()

    def test_that_were_never_logged_are_found_where_all_must_be(self, settings: Settings) -> None:
        settings.LOG_REQUIRED_MODELS = ["ledger.Follow"]
        follow = Follow.objects.create(follower=account(), followed=account(), created_at=NOON)
        logs.sequence_all()

        assert f"ledger_follow {follow.id}: was never logged" in changed()

    def test_are_compared_with_what_is_staged_too(self) -> None:
        person = account()
        Account.objects.filter(id=person.id).update(display_name="Mallory")

        assert "column display_name" in changed()

    def test_of_an_erased_subject_are_not_guessed_at(self) -> None:
        person = account()
        with transaction.atomic():
            log.erase(subject_id=person.id, at=NOON)
        logs.sequence_all()
        Account.objects.filter(id=person.id).update(display_name="erased")

        assert "1 records were erased" in verify()

    def test_cannot_be_hidden_by_destroying_a_key(self) -> None:
        person = account()
        logs.sequence_all()
        superuser(
            "UPDATE ledger_subjectkey SET wrapped = NULL, destroyed_at = now() "
            f"WHERE subject_id = '{person.id}'"
        )
        Account.objects.filter(id=person.id).update(display_name="Mallory")

        assert "destruction was not logged" in changed()


class TestLog:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (
                "UPDATE ledger_entry SET data = convert_to("
                "replace(convert_from(data, 'UTF8'), 'account.made', 'account.mace'), 'UTF8') "
                "WHERE leaf_index = 1",
                "ledger_entry {entry} column data",
            ),
            ("UPDATE ledger_entry SET leaf_hash = sha256('x') WHERE leaf_index = 1", "{entry}"),
            (
                "UPDATE ledger_entry SET data = d, leaf_hash = sha256('\\x00'::bytea || d) FROM ("
                "SELECT convert_to(replace(convert_from(data, 'UTF8'), 'account.made', "
                "'account.mace'), 'UTF8') AS d FROM ledger_entry WHERE leaf_index = 1) AS forged "
                "WHERE leaf_index = 1",
                "ledger_entry {entry} column data",
            ),
            ("DELETE FROM ledger_entry WHERE leaf_index = 1", "the entry at 1 is gone"),
            ("DELETE FROM ledger_entry", "the entry at 0 is gone"),
            (
                "UPDATE ledger_entry SET id = gen_random_uuid() WHERE leaf_index = 1",
                "is not an entry of that id",
            ),
            ("DELETE FROM ledger_record WHERE entry_id = '{entry}'", "{entry}: is gone"),
            (
                "UPDATE ledger_record SET ciphertext = set_byte(ciphertext, 40, "
                "get_byte(ciphertext, 40) # 1) WHERE entry_id = '{entry}'",
                "{entry} column ciphertext",
            ),
            (
                "UPDATE ledger_record SET ciphertext = (SELECT ciphertext FROM ledger_record "
                "WHERE entry_id <> '{entry}' LIMIT 1) WHERE entry_id = '{entry}'",
                "{entry} column ciphertext",
            ),
            (
                "INSERT INTO ledger_record (entry_id, row_ids, ciphertext, created_at) "
                "VALUES (gen_random_uuid(), '{{}}', 'x', now())",
                "no entry",
            ),
            (
                "UPDATE ledger_tile SET data = set_byte(data, 33, get_byte(data, 33) # 1)",
                "tile",
            ),
            ("DELETE FROM ledger_tile", "ledger_tile"),
            (
                "INSERT INTO ledger_tile (level, index, data) VALUES (1, 0, sha256('x'))",
                "tiles that the tree does not have",
            ),
            ("DELETE FROM ledger_checkpoint WHERE tree_size = 3", "beyond the newest checkpoint"),
            ("UPDATE ledger_checkpoint SET root_hash = sha256('x')", "column root_hash"),
            ("UPDATE ledger_checkpoint SET note = 'x'", "column note: is not signed"),
            (
                "UPDATE ledger_checkpoint SET note = (SELECT note FROM ledger_checkpoint "
                "WHERE tree_size = 2) WHERE tree_size = 3",
                "signs another tree",
            ),
            ("UPDATE ledger_publication SET note = 'x'", "ledger_publication"),
        ],
    )
    def test_that_was_changed_by_a_superuser_is_named(self, change: str, named: str) -> None:
        account(), account()
        logs.sequence_all()
        account()
        logs.sequence_all()
        entry = Entry.objects.get(leaf_index=1).id
        superuser(change.format(entry=entry))

        assert named.format(entry=entry) in changed()

    def test_whose_end_was_cut_off_is_found_by_what_was_published(self) -> None:
        account()
        logs.sequence_all()
        account()
        logs.sequence_all()
        superuser("DELETE FROM ledger_publication")
        for statement in (
            "DELETE FROM ledger_checkpoint WHERE tree_size = 2",
            "DELETE FROM ledger_record WHERE entry_id IN "
            "(SELECT id FROM ledger_entry WHERE leaf_index = 1)",
            "DELETE FROM ledger_entry WHERE leaf_index = 1",
            "UPDATE ledger_tile SET data = substring(data FROM 1 FOR 32)",
        ):
            superuser(statement)

        assert "size 2 is not in this history" in changed()

    def test_that_was_replaced_with_the_key_is_found_by_a_kept_checkpoint(
        self, tmp_path: Path
    ) -> None:
        account()
        logs.sequence_all()
        signer = identity.signer()
        other = Head(signer.name, 1, merkle.leaf_hash(b"another history"))
        kept = tmp_path / "kept"
        kept.write_bytes(Note(other.text(), (signer.sign(other.text()),)).encode())

        assert "not in this history" in changed(f"--checkpoint={kept}")

    def test_is_compared_with_a_kept_checkpoint_that_fits(self, tmp_path: Path) -> None:
        account()
        logs.sequence_all()
        kept = tmp_path / "kept"
        kept.write_bytes(bytes(Checkpoint.objects.get().note))
        account()
        logs.sequence_all()

        assert queries.tree_size() == 2
        assert "verified 2 entries" in verify(f"--checkpoint={kept}")

    def test_writes_nothing_while_it_looks(self) -> None:
        account()
        logs.sequence_all()

        verify()

        assert connection.in_atomic_block is False
        assert Entry.objects.count() == 1
