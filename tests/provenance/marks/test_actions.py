"""Which mark and fingerprint belong to which use: rows, refusals, and finding them again."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.db.utils import ProgrammingError
from pytest_django import DjangoAssertNumQueries, Settings

from gpu_worker.contract import mark
from ledger.consent.models import Use
from ledger.db import StepOutsideTransaction
from ledger.log.models import StagedEntry
from provenance.marks import actions, fingerprints, keys, queries
from provenance.marks.models import Fingerprint, MarkIndex
from tests.factories import accounts

pytestmark = pytest.mark.django_db


@pytest.fixture
def use(noon: datetime) -> Use:
    return make_use(noon)


def make_use(at: datetime) -> Use:
    return Use.objects.create(
        requester=accounts.account(),
        purpose="personal",
        seconds=2,
        state=Use.State.REQUESTED,
        state_at=at,
        created_at=at,
    )


def code_of(bits: int) -> fingerprints.Fingerprint:
    return fingerprints.Fingerprint(code=f"ISCC:{bits:X}", bits=bits)


class TestAllocate:
    def test_gives_a_render_its_mark(self, use: Use, noon: datetime) -> None:
        with transaction.atomic():
            secret = actions.allocate(render_id=use.id, at=noon)

        assert mark.verified(secret.payload, keys.current().mac_key) == secret.mark_id
        assert queries.use_of_mark(secret.mark_id) == use.id
        assert secret.text == f"Countersign\n{use.id.hex[:4]} {use.id.hex[4:8]}"

    def test_gives_the_same_again_and_logs_it_once(self, use: Use, noon: datetime) -> None:
        with transaction.atomic():
            first = actions.allocate(render_id=use.id, at=noon)
            again = actions.allocate(render_id=use.id, at=noon + timedelta(hours=1))

        assert again == first
        assert StagedEntry.objects.count() == 1

    def test_takes_the_next_salt_where_an_id_is_taken(self, use: Use, noon: datetime) -> None:
        taken = mark.identify(use.id, keys.current().mac_key)
        MarkIndex.objects.create(use=make_use(noon), mark_id=taken, key_version=1, created_at=noon)

        with transaction.atomic():
            secret = actions.allocate(render_id=use.id, at=noon)

        assert secret.mark_id == mark.identify(use.id, keys.current().mac_key, salt=1)

    def test_keeps_secrets_out_of_its_words(self, use: Use, noon: datetime) -> None:
        with transaction.atomic():
            secret = actions.allocate(render_id=use.id, at=noon)

        assert str(secret.payload) not in repr(secret)
        assert repr(secret.pattern_key) not in repr(secret)


class TestAllocateAlone:
    @pytest.mark.django_db(transaction=True)
    def test_is_refused_outside_a_transaction(self, noon: datetime) -> None:
        with pytest.raises(StepOutsideTransaction):
            actions.allocate(render_id=uuid.uuid4(), at=noon)


class TestRegister:
    def test_keeps_a_fingerprint_once(self, use: Use, noon: datetime) -> None:
        with transaction.atomic():
            secret = actions.allocate(render_id=use.id, at=noon)
            for _ in range(2):
                actions.register(
                    render_id=use.id, mark_id=secret.mark_id, fingerprint=code_of(7), at=noon
                )

        assert Fingerprint.objects.get().bits == 7
        assert StagedEntry.objects.count() == 2

    def test_refuses_another_fingerprint(self, use: Use, noon: datetime) -> None:
        with transaction.atomic():
            secret = actions.allocate(render_id=use.id, at=noon)
            told = {"render_id": use.id, "mark_id": secret.mark_id, "at": noon}
            actions.register(**told, fingerprint=code_of(7))

            with pytest.raises(actions.FingerprintDiffers):
                actions.register(**told, fingerprint=code_of(8))

        assert Fingerprint.objects.get().bits == 7

    def test_refuses_the_mark_of_another_render(self, use: Use, noon: datetime) -> None:
        with transaction.atomic():
            other = actions.allocate(render_id=make_use(noon).id, at=noon)
            actions.allocate(render_id=use.id, at=noon)

            with pytest.raises(actions.MarkNotAllocated):
                actions.register(
                    render_id=use.id, mark_id=other.mark_id, fingerprint=code_of(7), at=noon
                )

        assert not Fingerprint.objects.exists()


class TestRows:
    def test_of_marks_never_change(self, use: Use, noon: datetime) -> None:
        with transaction.atomic():
            actions.allocate(render_id=use.id, at=noon)

        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            MarkIndex.objects.update(mark_id=1)

    def test_of_fingerprints_never_go(self, use: Use, noon: datetime) -> None:
        Fingerprint.objects.create(use=use, code="ISCC:A", bits=1, created_at=noon)

        with (
            pytest.raises(ProgrammingError, match="Cannot update or delete"),
            transaction.atomic(),
        ):
            Fingerprint.objects.all().delete()

    @pytest.mark.parametrize("mark_id", [-1, 1 << 40])
    def test_refuse_a_mark_id_of_more_than_40_bits(
        self, use: Use, noon: datetime, mark_id: int
    ) -> None:
        with pytest.raises(IntegrityError, match="mark_id_has_40_bits"), transaction.atomic():
            MarkIndex.objects.create(use=use, mark_id=mark_id, key_version=1, created_at=noon)

    def test_refuse_a_mark_id_twice(self, use: Use, noon: datetime) -> None:
        MarkIndex.objects.create(use=use, mark_id=5, key_version=1, created_at=noon)

        with pytest.raises(IntegrityError, match="mark_id_names_one_use"), transaction.atomic():
            MarkIndex.objects.create(use=make_use(noon), mark_id=5, key_version=1, created_at=noon)

    def test_refuse_a_code_that_is_no_iscc(self, use: Use, noon: datetime) -> None:
        with (
            pytest.raises(IntegrityError, match="fingerprint_code_is_an_iscc"),
            transaction.atomic(),
        ):
            Fingerprint.objects.create(use=use, code="other", bits=1, created_at=noon)

    @pytest.mark.parametrize("bits", [0, 1, (1 << 256) - 1, 1 << 255])
    def test_give_256_bits_back(self, use: Use, noon: datetime, bits: int) -> None:
        Fingerprint.objects.create(use=use, code="ISCC:A", bits=bits, created_at=noon)

        assert Fingerprint.objects.get().bits == bits

    @pytest.mark.parametrize("bits", [-1, 1 << 256])
    def test_refuse_other_than_256_bits(self, use: Use, noon: datetime, bits: int) -> None:
        with pytest.raises(ValueError, match="256 bits"):
            Fingerprint.objects.create(use=use, code="ISCC:A", bits=bits, created_at=noon)


class TestNearest:
    def test_finds_the_nearest_first_and_none_too_far(
        self, noon: datetime, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        wanted = (1 << 256) - 1
        uses = {}
        for distance in (5, 0, queries.DISTANCE_MAX, queries.DISTANCE_MAX + 1, 256):
            bits = wanted ^ ((1 << distance) - 1)
            row = Fingerprint.objects.create(
                use=make_use(noon), code=f"ISCC:{distance}", bits=bits, created_at=noon
            )
            uses[row.use_id] = distance

        with django_assert_num_queries(1):
            found = queries.nearest(wanted)

        assert [match.distance for match in found] == [0, 5, queries.DISTANCE_MAX]
        assert [uses[match.use_id] for match in found] == [0, 5, queries.DISTANCE_MAX]

    def test_finds_nothing_for_a_video_without_contrast(self, use: Use, noon: datetime) -> None:
        Fingerprint.objects.create(use=use, code="ISCC:A", bits=0, created_at=noon)

        assert queries.nearest(0) == ()

    def test_has_a_limit(self, noon: datetime) -> None:
        for _ in range(3):
            Fingerprint.objects.create(use=make_use(noon), code="ISCC:A", bits=9, created_at=noon)

        assert len(queries.nearest(9, limit=2)) == 2


class TestKeys:
    @pytest.fixture(autouse=True)
    def folder(self, settings: Settings, tmp_path: Path) -> Path:
        settings.MARK_KEYS_DIR = tmp_path / "marks"
        return settings.MARK_KEYS_DIR

    def test_are_made_once_on_a_development_machine(self, folder: Path) -> None:
        first = keys.current()

        assert (folder / "1.key").stat().st_mode & 0o777 == 0o600
        assert keys.current() == first
        assert first.version == 1

    def test_are_never_made_in_production(self, settings: Settings) -> None:
        settings.IS_PRODUCTION = True

        with pytest.raises(ImproperlyConfigured, match="MARK_KEYS_DIR"):
            keys.current()

    def test_come_newest_first(self, folder: Path) -> None:
        folder.mkdir()
        for version in (1, 2, 10):
            (folder / f"{version}.key").write_bytes(bytes([version]) * 64)

        assert [key.version for key in keys.every()] == [10, 2, 1]
        assert keys.of_version(2).mac_key == bytes([2]) * 32

    def test_of_a_lost_version_are_missed(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="missing"):
            keys.of_version(7)

    @pytest.mark.parametrize(("name", "size"), [("1.key", 63), ("x.key", 64)])
    def test_are_refused_when_malformed(self, folder: Path, name: str, size: int) -> None:
        folder.mkdir()
        (folder / name).write_bytes(bytes(size))

        with pytest.raises(ImproperlyConfigured, match="not a mark key"):
            keys.every()
