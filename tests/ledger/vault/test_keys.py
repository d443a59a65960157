"""Keys of each subject's own: bound to subject and context, and destroyed for ever."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from ledger.db import StepOutsideTransaction
from ledger.vault import keyfiles, keys, providers
from ledger.vault.keys import CiphertextInvalid, KeyDestroyed
from ledger.vault.models import SubjectKey
from tests.conftest import NOON

ADA, BEN = uuid.uuid4(), uuid.uuid4()


@pytest.mark.django_db
class TestEncrypt:
    @pytest.mark.parametrize("subject", [ADA, None])
    @pytest.mark.parametrize("plaintext", [b"", b"a", b"b" * 100_000])
    def test_is_undone_by_decrypt(self, subject: uuid.UUID | None, plaintext: bytes) -> None:
        sealed = keys.encrypt(subject, plaintext, b"there")

        assert keys.decrypt(subject, sealed, b"there") == plaintext
        assert len(sealed) == len(plaintext) + 29

    def test_never_gives_the_same_twice(self) -> None:
        assert keys.encrypt(ADA, b"a", b"") != keys.encrypt(ADA, b"a", b"")

    def test_makes_one_key_and_stores_it_wrapped(self) -> None:
        keys.encrypt(ADA, b"a", b"")
        keys.encrypt(ADA, b"a", b"")

        row = SubjectKey.objects.get(subject_id=ADA)
        assert row.wrapped is not None
        assert len(bytes(row.wrapped)) == 12 + 32 + 16


@pytest.mark.django_db
class TestDecrypt:
    def test_refuses_another_context(self) -> None:
        sealed = keys.encrypt(ADA, b"a", b"here")

        with pytest.raises(CiphertextInvalid):
            keys.decrypt(ADA, sealed, b"there")

    def test_refuses_another_subject(self) -> None:
        sealed = keys.encrypt(ADA, b"a", b"here")
        keys.encrypt(BEN, b"a", b"here")

        with pytest.raises(CiphertextInvalid):
            keys.decrypt(BEN, sealed, b"here")

    @pytest.mark.parametrize("place", [0, 1, 13, -1])
    def test_refuses_a_changed_byte(self, place: int) -> None:
        sealed = bytearray(keys.encrypt(ADA, b"a", b"here"))
        sealed[place] ^= 1

        with pytest.raises(CiphertextInvalid):
            keys.decrypt(ADA, bytes(sealed), b"here")

    @pytest.mark.parametrize("length", [0, 1, 12, 13, 28])
    def test_refuses_a_cut_one(self, length: int) -> None:
        sealed = keys.encrypt(ADA, b"a", b"here")

        with pytest.raises(CiphertextInvalid):
            keys.decrypt(ADA, sealed[:length], b"here")

    def test_makes_no_key(self) -> None:
        with pytest.raises(CiphertextInvalid):
            keys.decrypt(ADA, b"\x01" + bytes(40), b"")

        assert not SubjectKey.objects.exists()

    def test_refuses_a_key_that_was_moved_to_another_subject(self) -> None:
        keys.encrypt(ADA, b"a", b"")
        keys.encrypt(BEN, b"b", b"")
        stolen = SubjectKey.objects.get(subject_id=ADA).wrapped
        SubjectKey.objects.filter(subject_id=BEN).update(wrapped=stolen)

        with pytest.raises(providers.KeyUnreadable):
            keys.encrypt(BEN, b"b", b"")


@pytest.mark.django_db
class TestDestroy:
    def test_makes_everything_of_the_subject_unreadable_for_ever(self) -> None:
        sealed = keys.encrypt(ADA, b"a", b"")

        keys.destroy(ADA, NOON)

        for attempt in (
            lambda: keys.decrypt(ADA, sealed, b""),
            lambda: keys.encrypt(ADA, b"a", b""),
            lambda: keys.ensure(ADA, NOON),
        ):
            with pytest.raises(KeyDestroyed):
                attempt()
        assert SubjectKey.objects.get(subject_id=ADA).wrapped is None

    def test_leaves_others_as_they_were(self) -> None:
        sealed = keys.encrypt(BEN, b"b", b"")

        keys.destroy(ADA, NOON)

        assert keys.decrypt(BEN, sealed, b"") == b"b"

    def test_may_be_repeated_and_the_first_time_stands(self) -> None:
        keys.encrypt(ADA, b"a", b"")
        keys.destroy(ADA, NOON)

        assert keys.destroy(ADA, NOON.replace(year=2030)).destroyed_at == NOON

    def test_of_a_subject_without_a_key_prevents_one(self) -> None:
        keys.destroy(ADA, NOON)

        with pytest.raises(KeyDestroyed):
            keys.encrypt(ADA, b"a", b"")

    def test_refuses_the_services_own_key(self) -> None:
        with pytest.raises(ValueError, match="service"):
            keys.destroy(keys.SERVICE, NOON)

    def test_cannot_keep_the_key_of_a_destroyed_one(self) -> None:
        keys.encrypt(ADA, b"a", b"")

        with pytest.raises(IntegrityError):
            SubjectKey.objects.filter(subject_id=ADA).update(destroyed_at=NOON)


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    def test_are_needed_for_steps(self) -> None:
        for step in (keys.ensure, keys.destroy):
            with pytest.raises(StepOutsideTransaction):
                step(ADA, NOON)

    def test_that_use_a_new_subject_at_once_end_with_one_key(self) -> None:
        sealed: list[bytes] = []

        def write() -> None:
            try:
                with transaction.atomic():
                    sealed.append(keys.encrypt(ADA, b"a", b""))
            finally:
                connection.close()

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert [keys.decrypt(ADA, item, b"") for item in sealed] == [b"a"] * 8
        assert SubjectKey.objects.count() == 1


@pytest.mark.django_db
class TestFiles:
    @pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
    def test_are_read_back(self, size: int, tmp_path: Path) -> None:
        source, sealed, back = (tmp_path / name for name in ("source", "sealed", "back"))
        source.write_bytes(bytes(index % 251 for index in range(size)))

        keys.encrypt_file(ADA, source, sealed, b"capture")
        keys.decrypt_file(ADA, sealed, back, b"capture")

        assert back.read_bytes() == source.read_bytes()
        assert sealed.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        "change",
        [
            "cut",
            "cut-at-a-chunk",
            "longer",
            "swapped",
            "flipped",
            "no-header",
            "other-context",
            "empty",
        ],
    )
    def test_are_refused_when_changed_and_nothing_is_left(
        self, change: str, tmp_path: Path
    ) -> None:
        source, sealed, back = (tmp_path / name for name in ("source", "sealed", "back"))
        source.write_bytes(bytes(3 * 65_536))
        keys.encrypt_file(ADA, source, sealed, b"capture")
        data, chunk = sealed.read_bytes(), 65_536 + 16
        head = data[:36]
        first, second, third = (data[36 + n * chunk : 36 + (n + 1) * chunk] for n in range(3))
        sealed.write_bytes(
            {
                "cut": data[:-1],
                "cut-at-a-chunk": head + first + second,
                "longer": data + b"\0",
                "swapped": head + second + first + third,
                "flipped": data[:100] + bytes([data[100] ^ 1]) + data[101:],
                "no-header": data[36:],
                "other-context": data,
                "empty": b"",
            }[change]
        )

        with pytest.raises(CiphertextInvalid):
            keys.decrypt_file(
                ADA, sealed, back, b"other" if change == "other-context" else b"capture"
            )

        assert sorted(path.name for path in tmp_path.iterdir()) == ["sealed", "source"]

    def test_of_an_erased_subject_are_gone(self, tmp_path: Path) -> None:
        (tmp_path / "source").write_bytes(b"a")
        keys.encrypt_file(ADA, tmp_path / "source", tmp_path / "sealed", b"")
        keys.destroy(ADA, NOON)

        with pytest.raises(KeyDestroyed):
            keys.decrypt_file(ADA, tmp_path / "sealed", tmp_path / "back", b"")


class TestProvider:
    def test_uses_the_key_of_the_settings(self, settings: Settings) -> None:
        settings.VAULT_KEY = "A" * 43 + "="
        wrapped = providers.from_settings().wrap(bytes(32), subject_id=ADA)

        assert providers.LocalKeyProvider(bytes(32)).unwrap(wrapped, subject_id=ADA) == bytes(32)

    def test_refuses_production_without_a_key(self, settings: Settings) -> None:
        settings.VAULT_KEY, settings.IS_PRODUCTION = "", True

        with pytest.raises(ImproperlyConfigured):
            providers.from_settings()

    @pytest.mark.parametrize("key", ["AAAA", "not base64!", "A" * 44])
    def test_refuses_what_is_not_a_key(self, settings: Settings, key: str) -> None:
        settings.VAULT_KEY = key

        with pytest.raises(ImproperlyConfigured):
            providers.from_settings()

    @pytest.mark.django_db
    def test_cannot_read_what_another_key_wrapped(self, settings: Settings) -> None:
        keys.encrypt(ADA, b"a", b"")
        settings.VAULT_KEY = "A" * 43 + "="

        with pytest.raises(providers.KeyUnreadable):
            keys.encrypt(ADA, b"a", b"")


class TestKeyfiles:
    def test_are_made_once_and_private(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "secret"

        first = keyfiles.read_or_create(path, keyfiles.random_key)
        second = keyfiles.read_or_create(path, keyfiles.random_key)

        assert first == second
        assert path.stat().st_mode & 0o777 == 0o600
        assert [item.name for item in path.parent.iterdir()] == ["secret"]
