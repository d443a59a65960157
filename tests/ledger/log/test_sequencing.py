"""The sequencer: places without gaps, one tree, whatever dies in between."""

from __future__ import annotations

import threading
import uuid
from io import StringIO
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from ledger.log import checkpoints, identity, merkle, queries, sequencing, tiles
from ledger.log.models import Checkpoint, Entry, Publication, StagedEntry, Tile
from ledger.log.sequencing import LogInconsistent, Sequencer
from tests.conftest import NOON
from tests.factories import log as logs

pytestmark = pytest.mark.django_db(transaction=True)


def superuser(statement: str) -> None:
    """Do what only somebody who owns the database can: change what triggers protect."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")


def sequencer() -> Sequencer:
    return Sequencer(identity.signer())


def root_of_entries() -> bytes:
    leaves = [
        merkle.leaf_hash(bytes(data))
        for data in Entry.objects.order_by("leaf_index").values_list("data", flat=True)
    ]
    return merkle.Edge().extended(leaves)[0].root()


class TestIntegrate:
    def test_places_every_staged_entry_once_in_order_and_signs_the_tree(self) -> None:
        staged = logs.stage(5)

        assert sequencer().integrate(at=NOON) == 5

        indexes = queries.leaf_indexes(staged)
        assert [indexes[entry_id] for entry_id in staged] == [0, 1, 2, 3, 4]
        assert not StagedEntry.objects.exists()
        newest = Checkpoint.objects.get()
        head, _ = checkpoints.opened(bytes(newest.note), log=identity.signer().verifier)
        assert (head.size, head.root) == (5, root_of_entries())

    def test_signs_nothing_when_nothing_is_staged(self) -> None:
        assert sequencer().integrate(at=NOON) == 0
        assert not Checkpoint.objects.exists()

    def test_grows_the_same_tree_whatever_the_batches(self) -> None:
        logs.stage(600)
        grower = sequencer()

        while grower.integrate(at=NOON, limit=170):
            pass

        assert [row.tree_size for row in Checkpoint.objects.order_by("tree_size")] == [
            170,
            340,
            510,
            600,
        ]
        newest = Checkpoint.objects.latest("tree_size")
        assert bytes(newest.root_hash) == root_of_entries()
        assert len(bytes(Tile.objects.get(level=1, index=0).data)) == 2 * 32

    def test_does_not_see_what_is_not_committed(self) -> None:
        staged, go, seen = threading.Event(), threading.Event(), []
        logs.stage()  # The service's key is there: its first use would make the others wait.

        def write() -> None:
            try:
                with transaction.atomic():
                    logs.stage()
                    staged.set()
                    go.wait(10)
            finally:
                connection.close()

        writer = threading.Thread(target=write)
        writer.start()
        staged.wait(10)
        later = logs.stage()  # Has the higher number, and commits first.
        grower = sequencer()
        seen.append(grower.integrate(at=NOON))
        go.set()
        writer.join(10)
        seen.append(grower.integrate(at=NOON))

        assert seen == [2, 1]
        assert queries.leaf_index(later[0]) == 1

    def test_refuses_once_somebody_else_has_written(self) -> None:
        one, other = sequencer(), sequencer()
        logs.stage()
        other.integrate(at=NOON)
        logs.stage()

        with pytest.raises((LogInconsistent, DatabaseError)):
            one.integrate(at=NOON)

        assert queries.tree_size() == 1
        assert StagedEntry.objects.count() == 1


class TestLoadEdge:
    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE ledger_tile SET data = set_byte(data, 0, get_byte(data, 0) # 1)",
            "UPDATE ledger_tile SET data = substring(data FROM 1 FOR 32)",
            "DELETE FROM ledger_tile",
            "UPDATE ledger_checkpoint SET root_hash = set_byte(root_hash, 0, 0)"
            " , tree_size = tree_size",
            "UPDATE ledger_checkpoint SET tree_size = 2",
            "DELETE FROM ledger_checkpoint",
        ],
    )
    def test_refuses_a_log_that_was_changed(self, change: str) -> None:
        logs.stage(3)
        sequencer().integrate(at=NOON)
        superuser(change)

        with pytest.raises(LogInconsistent):
            sequencer()

    def test_refuses_another_key(self, settings: Settings, tmp_path: Path) -> None:
        logs.stage()
        sequencer().integrate(at=NOON)
        settings.KEYS_DIR = tmp_path

        with pytest.raises(LogInconsistent):
            sequencer()

    def test_refuses_another_name(self, settings: Settings) -> None:
        logs.stage()
        sequencer().integrate(at=NOON)
        settings.LOG_ORIGIN = "example.com/other"

        with pytest.raises(LogInconsistent):
            sequencer()


class TestRows:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger_entry SET leaf_index = 7",
            "DELETE FROM ledger_entry",
            "UPDATE ledger_record SET subject_id = NULL",
            "DELETE FROM ledger_record",
            "UPDATE ledger_checkpoint SET tree_size = 7",
            "DELETE FROM ledger_checkpoint",
            "DELETE FROM ledger_publication",
            "UPDATE ledger_publication SET note = ''",
            "DELETE FROM ledger_tile",
            "UPDATE ledger_tile SET data = substring(data FROM 1 FOR 32)",
            "UPDATE ledger_tile SET index = 9",
            "UPDATE ledger_stagedentry SET data = 'x'",
            "DELETE FROM ledger_stagedentry",
        ],
    )
    def test_cannot_be_changed(self, statement: str) -> None:
        logs.stage(2)
        logs.sequence_all()
        logs.stage()

        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_cannot_hold_an_entry_that_no_bundle_can(self) -> None:
        with pytest.raises(DatabaseError):
            StagedEntry.objects.create(entry_id=uuid.uuid4(), data=b"a" * 65_536, staged_at=NOON)

    def test_cannot_hold_two_entries_in_one_place(self) -> None:
        Entry.objects.create(leaf_index=0, data=b"a", leaf_hash=bytes(32))

        with pytest.raises(DatabaseError):
            Entry.objects.create(leaf_index=0, data=b"b", leaf_hash=bytes(32))


class Crash(BaseException):
    """The process ends here."""


STEPS = (
    "entries-placed",
    "tiles-kept",
    "checkpoint-kept",
    "cosigned",
    "cosignatures-kept",
    "tiles-published",
    "checkpoint-published",
    "files-published",
)


class TestCrash:
    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("size_before", [0, 255])
    def test_between_any_two_steps_loses_nothing_and_forks_nothing(
        self, step: str, size_before: int, settings: Settings
    ) -> None:
        logs.stage(size_before)
        logs.sequence_all()
        staged = logs.stage(3)

        def die(reached: str) -> None:
            if reached == step:
                raise Crash

        with pytest.raises(Crash):
            logs.sequence_all(logs.manner(at_step=die))
        logs.sequence_all()

        size = size_before + 3
        indexes = queries.leaf_indexes(staged)
        assert [indexes[entry_id] for entry_id in staged] == list(range(size_before, size))
        newest = Publication.objects.latest("checkpoint__tree_size")
        assert newest.checkpoint.tree_size == size
        assert bytes(newest.checkpoint.root_hash) == root_of_entries()
        assert folder_size(settings.LOG_PUBLIC_DIR) == size


def folder_size(folder: Path) -> int:
    """Check a folder of static files by itself, as an outsider would; return its tree's size."""
    log = identity.signer().verifier
    assert (folder / "vkey").read_text() == log.encode() + "\n"
    head, _ = checkpoints.opened((folder / "checkpoint").read_bytes(), log=log)
    leaves: list[bytes] = []
    for name in tiles.names(old_size=0, size=head.size):
        data = (folder / name.path()).read_bytes()
        if name.level is None:
            leaves += map(merkle.leaf_hash, tiles.decode_bundle(data))
        else:
            assert len(data) == name.width * 32
    edge, writes = merkle.Edge().extended(leaves)
    assert edge.root() == head.root
    for write in writes:
        name = tiles.TileName(write.level, write.index, len(write.data) // 32)
        assert (folder / name.path()).read_bytes() == write.data
    return head.size


class TestSoleSequencer:
    def test_lets_a_second_one_wait_until_the_first_ends(self) -> None:
        order: list[str] = []
        waiting = threading.Event()

        def second() -> None:
            def wait() -> bool:
                waiting.set()
                return not threading.Event().wait(0.01)

            try:
                with sequencing.sole_sequencer(wait=wait) as is_ours:
                    order.append(f"second {is_ours}")
            finally:
                connection.close()

        thread = threading.Thread(target=second)
        with sequencing.sole_sequencer(wait=lambda: False) as is_ours:
            thread.start()
            waiting.wait(10)
            order.append(f"first {is_ours}")
        thread.join(10)

        assert order == ["first True", "second True"]

    def test_gives_up_when_told_so(self) -> None:
        with sequencing.sole_sequencer(wait=lambda: False):
            found: list[bool] = []

            def second() -> None:
                try:
                    with sequencing.sole_sequencer(wait=lambda: False) as is_ours:
                        found.append(is_ours)
                finally:
                    connection.close()

            thread = threading.Thread(target=second)
            thread.start()
            thread.join(10)

        assert found == [False]


class TestStagingAtOnce:
    def test_loses_no_entry_of_eight_writers(self) -> None:
        writers, each = 8, 12
        ids: list[uuid.UUID] = []
        subject_id = uuid.uuid4()

        def write() -> None:
            try:
                for _ in range(each):
                    ids.extend(logs.stage(subject_id=subject_id))
            finally:
                connection.close()

        threads = [threading.Thread(target=write) for _ in range(writers)]
        for thread in threads:
            thread.start()
        grower = sequencer()
        while any(thread.is_alive() for thread in threads):
            grower.integrate(at=NOON)
        grower.integrate(at=NOON)

        assert len(ids) == writers * each
        assert sorted(queries.leaf_indexes(ids).values()) == list(range(writers * each))
        assert bytes(Checkpoint.objects.latest("tree_size").root_hash) == root_of_entries()


class TestPublishedFolder:
    def test_is_made_again_when_it_is_gone(self, tmp_path: Path) -> None:
        logs.stage(300)
        logs.sequence_all()
        call_command("publish_log", str(tmp_path / "new"), stdout=StringIO())

        assert folder_size(tmp_path / "new") == 300

    def test_of_another_log_is_left_alone(self, tmp_path: Path) -> None:
        logs.stage(3)
        logs.sequence_all()
        (tmp_path / "checkpoint").write_text("another log's")

        with pytest.raises(CommandError) as caught:
            call_command("publish_log", str(tmp_path))

        assert caught.value.returncode == 2

    def test_is_not_written_before_anything_is_published(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError):
            call_command("publish_log", str(tmp_path))

    def test_drops_partial_tiles_that_have_become_full(self, settings: Settings) -> None:
        logs.stage(200)
        logs.sequence_all()
        logs.stage(100)
        logs.sequence_all()

        folder: Path = settings.LOG_PUBLIC_DIR
        assert not (folder / "tile/0/000.p").exists()
        assert (folder / "tile/0/000").stat().st_size == 8192
        assert (folder / "tile/0/001.p/44").exists()

    def test_of_a_longer_history_stops_the_sequencer(self) -> None:
        logs.stage(3)
        logs.sequence_all()
        for table in ("publication", "checkpoint", "tile", "entry"):
            superuser(f"DELETE FROM ledger_{table}")  # An old backup was restored.
        logs.stage()

        with pytest.raises(LogInconsistent):
            logs.sequence_all()


class TestCommand:
    def test_places_and_publishes_what_is_staged_and_ends(self, settings: Settings) -> None:
        logs.stage(3)
        out = StringIO()

        call_command("sequence", "--once", stdout=out)

        assert "ready at 0 entries" in out.getvalue()
        assert "stopped at 3 entries" in out.getvalue()
        assert folder_size(settings.LOG_PUBLIC_DIR) == 3

    def test_ends_with_2_when_the_log_is_not_what_was_signed(self) -> None:
        logs.stage(3)
        logs.sequence_all()
        superuser("DELETE FROM ledger_tile")

        with pytest.raises(CommandError) as caught:
            call_command("sequence", "--once")

        assert caught.value.returncode == 2

    def test_refuses_production_without_a_key(self, settings: Settings, tmp_path: Path) -> None:
        settings.IS_PRODUCTION, settings.KEYS_DIR = True, tmp_path

        with pytest.raises(ImproperlyConfigured):
            identity.signer()

    def test_refuses_witnesses_without_keys(self, settings: Settings) -> None:
        settings.LOG_WITNESS_URLS = ["http://127.0.0.1:9"]

        with pytest.raises(ImproperlyConfigured):
            call_command("sequence", "--once")
