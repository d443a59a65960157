"""Whose is this file? With real sealed files and their copies."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from ledger.accounts.models import Account, Block
from ledger.db import OpenTransaction
from provenance.lookup import identifications, queries, shapes
from provenance.lookup.errors import FileUnknown, LookupBusy
from provenance.lookup.identifications import identify
from provenance.marks.queries import Match
from provenance.renders.models import Render
from provenance.seals.verification import SealState
from tests.factories import marks
from tests.factories import renders as make

pytestmark = pytest.mark.django_db(transaction=True)


class TestIdentify:
    def test_finds_a_sealed_file_by_all_four_bindings(
        self, released: Render, sealed_file: Path
    ) -> None:
        found = identify(sealed_file, at=timezone.now())

        assert list(found.claims) == ["file", "manifest", "mark", "fingerprint"]
        assert set(found.claims.values()) == {released.pk}
        assert found.is_consistent
        assert found.seal.state is SealState.TRUSTED

    def test_finds_a_stripped_copy_by_mark_and_looks_and_says_when_they_differ(
        self, released: Render, stripped: Path
    ) -> None:
        found = identify(stripped, at=timezone.now())

        assert list(found.claims) == ["mark", "fingerprint"]
        assert found.use_id == released.pk
        assert found.seal.state is SealState.NONE

        assert found.looks is not None
        looks_elsewhere = replace(found.looks, matches=(Match(uuid4(), "ISCC:A", 3),))
        mixed = replace(found, looks=looks_elsewhere)

        assert not mixed.is_consistent
        assert mixed.use_id == released.pk  # The mark is proved; looks are only near.

    def test_finds_nothing_in_an_unrelated_video(self, released: Render, unrelated: Path) -> None:
        found = identify(unrelated, at=timezone.now())

        assert found.claims == {}
        assert found.mark is None
        assert found.standing is None

    def test_does_not_follow_a_manifest_that_does_not_hold(
        self, released: Render, sealed_file: Path
    ) -> None:
        """One byte of the pictures differs: the manifest names a use, and is not believed."""
        data = bytearray(sealed_file.read_bytes())
        data[data.rindex(b"mdat") + 5000] ^= 1
        sealed_file.write_bytes(data)

        found = identify(sealed_file, at=timezone.now())

        assert found.seal.state is SealState.INVALID
        assert "file" not in found.claims
        assert "manifest" not in found.claims
        assert found.use_id == released.pk

    def test_tells_of_a_proved_mark_whose_use_is_not_here(self, tmp_path: Path) -> None:
        from gpu_worker.contract import mark
        from provenance.marks import keys

        key = keys.current()
        video = marks.video(
            tmp_path / "elsewhere.mp4", payload=mark.sign(77, key.mac_key), key=key, seconds=2
        )

        found = identify(video, at=timezone.now())

        assert found.mark is not None
        assert (found.mark.detected.mark_id, found.mark.use_id) == (77, None)
        assert found.use_id is None

    def test_refuses_what_is_neither_video_nor_sealed(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("nothing to see")

        with pytest.raises(FileUnknown):
            identify(path, at=timezone.now())

    def test_refuses_to_work_inside_a_transaction(self, tmp_path: Path) -> None:
        with transaction.atomic(), pytest.raises(OpenTransaction):
            identify(tmp_path / "any.mp4", at=timezone.now())

    def test_reads_only_so_many_files_at_once(
        self, unrelated: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identifications, "WAIT_S", 0.01)
        for _ in range(identifications.AT_ONCE_MAX):
            identifications._places.acquire()
        try:
            with pytest.raises(LookupBusy):
                identify(unrelated, at=timezone.now())
        finally:
            for _ in range(identifications.AT_ONCE_MAX):
                identifications._places.release()


class TestStanding:
    def test_follows_a_released_use_through_a_block_to_its_withdrawal(
        self, released: Render, ada: Account, ben: Account
    ) -> None:
        standing = queries.standing(use_id=released.pk, at=timezone.now())

        assert standing is not None
        assert (standing.state, standing.is_shown, standing.consent_holds) == (
            "released", True, True,
        )  # fmt: skip
        assert (standing.requester, standing.cast) == ("ben", ("ada",))
        assert [(gate.gate, gate.effect) for gate in standing.gates] == [
            ("request", "permit"), ("dispatch", "permit"), ("release", "permit"),
        ]  # fmt: skip

        Block.objects.create(blocker=ada, blocked=ben, created_at=timezone.now())
        standing = queries.standing(use_id=released.pk, at=timezone.now())

        assert standing is not None
        assert standing.is_shown
        assert not standing.consent_holds

        make.withdraw(released)
        standing = queries.standing(use_id=released.pk, at=timezone.now())

        assert standing is not None
        assert (standing.state, standing.is_shown, standing.consent_holds) == (
            "withdrawn", False, False,
        )  # fmt: skip
        assert (standing.requester, standing.cast) == (None, ())
        assert standing.gates

    def test_tells_of_an_unreleased_use_only_its_state(self, ada: Account, ben: Account) -> None:
        render = make.requested(ben, make.cameo(ada))

        standing = queries.standing(use_id=render.pk, at=timezone.now())

        assert standing is not None
        assert (standing.state, standing.requester, standing.cast) == ("requested", None, ())
        assert standing.gates == ()

    def test_of_no_use_is_none(self) -> None:
        assert queries.standing(use_id=uuid4(), at=timezone.now()) is None


class TestCommand:
    def test_prints_what_it_found(self, released: Render, stripped: Path) -> None:
        out = io.StringIO()

        call_command("identify", str(stripped), stdout=out)

        said = json.loads(out.getvalue())
        assert said["found_by"] == ["mark", "fingerprint"]
        assert said["use"]["use_id"] == str(released.pk)
        assert said["use"]["consent_holds"] is True
        assert set(said) == set(shapes.IdentificationOutput().fields)

    def test_exits_with_3_when_nothing_was_found(self, unrelated: Path) -> None:
        with pytest.raises(CommandError) as caught:
            call_command("identify", str(unrelated), stdout=io.StringIO())

        assert caught.value.returncode == 3

    def test_exits_with_2_on_a_file_that_it_cannot_read(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("nothing to see")

        with pytest.raises(CommandError, match="lookup-file-unknown") as caught:
            call_command("identify", str(path))

        assert caught.value.returncode == 2

    def test_exits_with_1_without_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError) as caught:
            call_command("identify", str(tmp_path / "none.mp4"))

        assert caught.value.returncode == 1
