"""Writes to a cameo: audience, terms, preferences, suspension, retirement, destruction."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages

from ledger.accounts.models import Account, Guardianship
from ledger.cameos import actions, captures, queries, vault_files
from ledger.cameos.errors import (
    CameoNotFound,
    CameoStateForbids,
    CaptureDestroyed,
    CaptureNotFound,
    MinorAudienceTooWide,
)
from ledger.cameos.models import Cameo, Capture, DestructionCertificate, Terms
from ledger.cameos.rules import Fee, Preferences, TermsValue
from ledger.log.models import Record, StagedEntry
from ledger.outbox.models import OutboxMessage
from ledger.vault import keys
from ledger.vault.models import SubjectKey
from tests.factories import accounts, cameos
from tests.factories.cameos import NOON

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


def tightenings() -> int:
    """Return how many checks of open uses are owed."""
    return OutboxMessage.objects.filter(topic="consent.tightened").count()


def minor_of(guardian: Account, **fields: Any) -> Cameo:
    """Return the cameo of a minor whom `guardian` guards."""
    child = accounts.minor()
    Guardianship.objects.create(guardian=guardian, minor=child, starts_at=NOON, **fields)
    return cameos.cameo(child)


class TestSetAudience:
    def test_tightens_when_it_narrows(self) -> None:
        made = cameos.cameo(audience="everyone")

        changed = actions.set_audience(
            cameo_id=made.id, audience="approved", by=made.owner_id, at=NOON
        )

        assert (changed.audience, changed.epoch, tightenings()) == ("approved", 1, 1)

    def test_tightens_nothing_when_it_widens(self) -> None:
        made = cameos.cameo()

        changed = actions.set_audience(
            cameo_id=made.id, audience="everyone", by=made.owner_id, at=NOON
        )

        assert (changed.audience, changed.epoch, tightenings()) == ("everyone", 0, 0)
        assert Record.objects.filter(subject_id=made.owner_id).count() == 1

    def test_leaves_no_trace_when_nothing_changes(self) -> None:
        made = cameos.cameo()

        actions.set_audience(cameo_id=made.id, audience="self", by=made.owner_id, at=NOON)

        assert not StagedEntry.objects.exists()

    def test_refuses_a_minor_more_than_approved(self) -> None:
        made = cameos.cameo(accounts.minor())

        actions.set_audience(cameo_id=made.id, audience="approved", by=made.owner_id, at=NOON)
        with pytest.raises(MinorAudienceTooWide):
            actions.set_audience(cameo_id=made.id, audience="mutuals", by=made.owner_id, at=NOON)

    def test_is_not_for_strangers(self) -> None:
        made = cameos.cameo()

        with pytest.raises(CameoNotFound):
            actions.set_audience(
                cameo_id=made.id, audience="everyone", by=accounts.account().id, at=NOON
            )

    def test_is_for_the_guardian_of_a_minor_too(self) -> None:
        guardian = accounts.account()
        made = minor_of(guardian)

        actions.set_audience(cameo_id=made.id, audience="approved", by=guardian.id, at=NOON)

        made.refresh_from_db()
        assert made.audience == "approved"

    def test_is_not_for_a_guardian_whose_time_is_over(self) -> None:
        guardian = accounts.account()
        made = minor_of(guardian, ends_at=LATER)

        with pytest.raises(CameoNotFound):
            actions.set_audience(cameo_id=made.id, audience="approved", by=guardian.id, at=LATER)

    @pytest.mark.parametrize("state", ["draft", "retired", "purged"])
    def test_is_not_for_a_cameo_that_does_not_live(self, state: str) -> None:
        made = cameos.cameo(state=state)

        with pytest.raises(CameoStateForbids):
            actions.set_audience(cameo_id=made.id, audience="everyone", by=made.owner_id, at=NOON)


class TestPublishTerms:
    def test_adds_a_version_and_tightens_when_it_is_narrower(self) -> None:
        made = cameos.cameo(terms={"purposes": ["personal", "commercial"]})
        narrower = TermsValue(fees={"personal": Fee(500, "eur")})

        row = actions.publish_terms(cameo_id=made.id, terms=narrower, by=made.owner_id, at=NOON)

        made.refresh_from_db()
        assert (row.version, made.terms_id, made.epoch) == (2, row.id, 1)
        assert queries.value_of(Terms.objects.get(id=row.id)) == narrower
        assert tightenings() == 1

    def test_tightens_nothing_when_it_is_wider(self) -> None:
        made = cameos.cameo()
        before = queries.value_of(made.terms)  # type: ignore[arg-type]  # It has terms.
        wider = replace(before, purposes=frozenset({"personal", "advertising"}), seconds_max=90)

        actions.publish_terms(cameo_id=made.id, terms=wider, by=made.owner_id, at=NOON)

        assert tightenings() == 0

    def test_is_not_for_strangers(self) -> None:
        made = cameos.cameo()

        with pytest.raises(CameoNotFound):
            actions.publish_terms(
                cameo_id=made.id, terms=TermsValue(), by=accounts.account().id, at=NOON
            )
        assert Terms.objects.count() == 1


class TestSetPreferences:
    def test_keeps_them_and_tightens_nothing(self) -> None:
        made = cameos.cameo()
        wanted = Preferences("they", "no uniforms", "never smoking")

        actions.set_preferences(cameo_id=made.id, preferences=wanted, by=made.owner_id, at=NOON)

        assert queries.preferences_of(made.id) == wanted
        assert tightenings() == 0

    def test_is_not_for_strangers(self) -> None:
        made = cameos.cameo()

        with pytest.raises(CameoNotFound):
            actions.set_preferences(
                cameo_id=made.id, preferences=Preferences(), by=uuid.uuid4(), at=NOON
            )


class TestSuspend:
    def test_tightens_and_is_resumed_by_staff_alone(self) -> None:
        made, staff = cameos.cameo(), accounts.account(is_staff=True)

        actions.suspend(cameo_id=made.id, by=staff.id, reason="report 7", at=NOON)
        made.refresh_from_db()
        assert (made.state, made.epoch, tightenings()) == ("suspended", 1, 1)

        actions.resume(cameo_id=made.id, by=staff.id, reason="cleared", at=LATER)
        made.refresh_from_db()
        assert (made.state, made.epoch) == ("active", 1)

    def test_refuses_a_second_time(self) -> None:
        made = cameos.cameo(state="suspended")

        with pytest.raises(CameoStateForbids):
            actions.suspend(cameo_id=made.id, by=uuid.uuid4(), reason="again", at=NOON)

    def test_refuses_to_resume_what_is_not_suspended(self) -> None:
        with pytest.raises(CameoStateForbids):
            actions.resume(cameo_id=cameos.cameo().id, by=uuid.uuid4(), reason="x", at=NOON)
        with pytest.raises(CameoNotFound):
            actions.resume(cameo_id=uuid.uuid4(), by=uuid.uuid4(), reason="x", at=NOON)


class TestRetire:
    def test_ends_a_cameo_once(self) -> None:
        made = cameos.cameo()

        actions.retire(cameo_id=made.id, by=made.owner_id, at=NOON)
        with pytest.raises(CameoStateForbids):
            actions.retire(cameo_id=made.id, by=made.owner_id, at=NOON)

        made.refresh_from_db()
        assert (made.state, made.epoch) == ("retired", 1)


@pytest.mark.django_db(transaction=True)
class TestPurge:
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Capture:
        """Return a capture that lies in the vault."""
        of = cameos.verified(cameos.cameo(destroy_after=LATER))
        source = tmp_path / "recording"
        source.write_bytes(b"a face and a voice")
        capture_id = uuid.uuid4()
        path = vault_files.keep(cameo_id=of.cameo_id, capture_id=capture_id, source=source)
        return cameos.capture(of, id=capture_id, path=path)

    def test_destroys_key_file_and_preferences_and_leaves_a_certificate(
        self, kept: Capture, tmp_path: Path
    ) -> None:
        cameo_id, owner_id = kept.cameo_id, kept.cameo.owner_id
        stolen = tmp_path / "stolen"
        with storages["vault"].open(kept.path) as file:
            stolen.write_bytes(file.read())
        captures.decrypt_to(cameo_id, tmp_path / "before")
        assert (tmp_path / "before").read_bytes() == b"a face and a voice"

        certificate = actions.purge(cameo_id=cameo_id, by=owner_id, at=NOON)

        assert certificate.captures_sha256 == [bytes(kept.sha256).hex()]
        assert certificate.cause == "asked"
        assert StagedEntry.objects.filter(entry_id=certificate.entry_id).exists()
        row = Cameo.objects.get(id=cameo_id)
        assert (row.state, row.audience, row.preferences, row.epoch) == ("purged", "self", {}, 1)
        assert SubjectKey.objects.get(subject_id=cameo_id).wrapped is None
        assert not storages["vault"].exists(kept.path)
        with pytest.raises(CaptureNotFound):
            captures.for_render(cameo_id)
        with pytest.raises(keys.KeyDestroyed):
            keys.decrypt_file(cameo_id, stolen, tmp_path / "after", b"capture\n" + kept.id.bytes)

    def test_leaves_the_owners_own_records_readable(self, kept: Capture) -> None:
        actions.purge(cameo_id=kept.cameo_id, by=kept.cameo.owner_id, at=NOON)

        assert SubjectKey.objects.get(subject_id=kept.cameo.owner_id).wrapped is not None

    def test_happens_once(self, kept: Capture) -> None:
        actions.purge(cameo_id=kept.cameo_id, by=kept.cameo.owner_id, at=NOON)

        with pytest.raises(CameoStateForbids):
            actions.purge(cameo_id=kept.cameo_id, by=kept.cameo.owner_id, at=NOON)
        assert DestructionCertificate.objects.count() == 1

    def test_is_not_for_strangers(self, kept: Capture) -> None:
        with pytest.raises(CameoNotFound):
            actions.purge(cameo_id=kept.cameo_id, by=uuid.uuid4(), at=NOON)
        assert captures.for_render(kept.cameo_id).id == kept.id

    def test_refuses_to_keep_or_open_anything_after(self, kept: Capture, tmp_path: Path) -> None:
        actions.purge(cameo_id=kept.cameo_id, by=kept.cameo.owner_id, at=NOON)
        source = tmp_path / "again"
        source.write_bytes(b"again")

        with pytest.raises(CaptureDestroyed):
            vault_files.keep(cameo_id=kept.cameo_id, capture_id=kept.id, source=source)

    def test_comes_by_itself_when_it_is_due(self, kept: Capture) -> None:
        alive = cameos.cameo(destroy_after=LATER + timedelta(seconds=1))

        assert actions.purge_due(at=LATER - timedelta(seconds=1)) == 0
        assert actions.purge_due(at=LATER) == 1
        assert actions.purge_due(at=LATER) == 0

        assert DestructionCertificate.objects.get().cause == "due"
        alive.refresh_from_db()
        assert alive.state == "active"

    def test_of_one_that_cannot_be_destroyed_stops_no_other(self, kept: Capture) -> None:
        erased = cameos.cameo(destroy_after=NOON)
        SubjectKey.objects.create(
            subject_id=erased.owner_id, wrapped=None, created_at=NOON, destroyed_at=NOON
        )

        assert actions.purge_due(at=LATER) == 1

        erased.refresh_from_db()
        assert erased.state == "active"
