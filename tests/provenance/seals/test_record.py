"""Recording seals: rows that are facts, and the entry in the log that goes with each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from ledger.consent.models import Use
from ledger.db import StepOutsideTransaction
from ledger.log.models import StagedEntry
from provenance.seals import actions, queries
from provenance.seals.models import CertificateRecord, Seal
from tests.conftest import NOON
from tests.factories import accounts, seals
from tests.factories.seals import Authorities


@pytest.fixture(scope="session")
def sealed(
    tmp_path_factory: pytest.TempPathFactory, clip: Path, known: Authorities, time_stamp_url: str
) -> actions.Sealed:
    return actions.seal(
        source=clip,
        target=tmp_path_factory.mktemp("record") / "sealed.mp4",
        request=seals.request(),
        signer=known.signer(time_stamp_url),
        trust=known.trust,
    )


def use() -> Use:
    return Use.objects.create(
        requester=accounts.account(),
        purpose=Use._meta.get_field("purpose").choices[0][0],  # type: ignore[index]  # It has choices.
        seconds=1,
        state=Use.State.REQUESTED,
        state_at=NOON,
        created_at=NOON,
    )


def record(sealed: actions.Sealed, **said: object) -> Seal:
    fields: dict[str, object] = {
        "use_id": said.pop("use_id", None) or use().id,
        "visible_mark": True,
        "invisible_mark": True,
        "manifest": True,
    }
    return actions.record(sealed=sealed, at=NOON, **(fields | said))  # type: ignore[arg-type]  # By name.


@pytest.mark.django_db
class TestRecord:
    def test_keeps_what_was_found_and_logs_the_files_hash(self, sealed: actions.Sealed) -> None:
        row = record(sealed)

        row.refresh_from_db()
        assert bytes(row.sha256) == sealed.sha256
        assert bytes(row.manifest_sha256) == sealed.manifest_sha256
        assert row.timestamped_at == sealed.timestamped_at
        assert row.certificate.serial == sealed.certificate_serial
        entry = json.loads(bytes(StagedEntry.objects.get().data))
        assert entry["type"] == "render.sealed"
        assert entry["file_sha256"] == sealed.sha256.hex()

    def test_keeps_one_record_of_a_certificate(self, sealed: actions.Sealed) -> None:
        record(sealed)
        record(replace(sealed, sha256=b"o" * 32, manifest_label="urn:c2pa:other"))

        assert CertificateRecord.objects.count() == 1

    @pytest.mark.parametrize("other", [{"sha256": b"o" * 32}, {"manifest_label": "urn:c2pa:o"}])
    def test_refuses_the_same_file_or_manifest_twice(
        self, other: dict[str, object], sealed: actions.Sealed
    ) -> None:
        record(sealed)

        with pytest.raises(actions.AlreadySealed):
            record(replace(sealed, **other))  # type: ignore[arg-type]  # By name.

        assert Seal.objects.count() == 1
        assert StagedEntry.objects.count() == 1

    @pytest.mark.parametrize("lacking", ["visible_mark", "invisible_mark", "manifest"])
    def test_refuses_a_file_that_lacks_one_of_the_three(
        self, lacking: str, sealed: actions.Sealed
    ) -> None:
        with pytest.raises(IntegrityError, match="seal_carries_all_three"), transaction.atomic():
            record(sealed, **{lacking: False})

        assert Seal.objects.count() == 0

    @pytest.mark.parametrize("model", [Seal, CertificateRecord])
    @pytest.mark.parametrize("change", ["update", "delete"])
    def test_leaves_rows_that_cannot_change(
        self, model: type[Seal], change: str, sealed: actions.Sealed
    ) -> None:
        record(sealed)
        rows = model.objects.all()

        with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
            rows.update(created_at=NOON) if change == "update" else rows._raw_delete(rows.db)

    def test_refuses_certificates_that_end_before_they_start(self) -> None:
        with (
            pytest.raises(IntegrityError, match="certificate_ends_after_it_starts"),
            transaction.atomic(),
        ):
            CertificateRecord.objects.create(
                fingerprint_sha256=b"f", serial="1", starts_at=NOON, ends_at=NOON, created_at=NOON
            )


@pytest.mark.django_db(transaction=True)
def test_recording_outside_a_transaction_is_refused(sealed: actions.Sealed) -> None:
    with pytest.raises(StepOutsideTransaction):
        record(sealed, use_id=uuid4())


@pytest.mark.django_db
class TestQueries:
    def test_find_a_seal_by_use_file_and_manifest_in_one_query_each(
        self, sealed: actions.Sealed, django_assert_num_queries: object
    ) -> None:
        row = record(sealed)

        with django_assert_num_queries(3):  # type: ignore[operator]  # A fixture.
            found = {
                queries.of_use(row.use_id),
                queries.by_file(sealed.sha256),
                queries.by_manifest(sealed.manifest_label),
            }

        assert found == {row}
        assert queries.of_use(uuid4()) is None
        assert queries.by_file(b"?" * 32) is None
        assert queries.by_manifest("urn:c2pa:none") is None

    def test_find_the_certificates_of_uses_and_those_that_end_soon(
        self, sealed: actions.Sealed
    ) -> None:
        row = record(sealed)

        assert queries.certificates_of([row.use_id]) == [row.certificate]
        assert queries.certificates_of([uuid4()]) == []
        assert queries.expiring_before(row.certificate.ends_at) == []
        after = row.certificate.ends_at.replace(year=row.certificate.ends_at.year + 1)
        assert queries.expiring_before(after) == [row.certificate]
