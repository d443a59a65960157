"""Enrolment: one challenge, one agreement, one attempt, and a person where the machine is unsure."""

from __future__ import annotations

import hashlib
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.storage import storages
from django.db import connection

from ledger.accounts.models import Account
from ledger.cameos import actions, captures, enrolments, statements
from ledger.cameos import vault_files as vault
from ledger.cameos.checks import Check, Verdict
from ledger.cameos.enrolments import Outcome
from ledger.cameos.errors import (
    CaptureCheckUnavailable,
    CaptureNotFound,
    CaptureNotVideo,
    CaptureUnreadable,
    EnrolmentExpired,
    EnrolmentNotFound,
    EnrolmentNotInReview,
    EnrolmentSpent,
    OwnReview,
    StatementMismatch,
    StatementNotAgreed,
    TooManyEnrolments,
)
from ledger.cameos.models import Cameo, Capture, ConsentStatement, Enrolment
from ledger.log.models import Record, StagedEntry
from tests.factories import accounts, cameos
from tests.factories.cameos import NOON
from tests.ledger.cameos import recordings

pytestmark = pytest.mark.django_db(transaction=True)

SOON = NOON + timedelta(minutes=1)
DIGEST = statements.current().sha256


class UnsureIdentity:
    """A verifier of tests: it never knows."""

    def identify(self, *, account_id: UUID, recording: Path) -> Check:
        return Check("identity", Verdict.UNSURE, by="test")


class AbsentIdentity:
    """A verifier of tests: it cannot be reached."""

    def identify(self, *, account_id: UUID, recording: Path) -> Check:
        raise CaptureCheckUnavailable


def started(seed: int = 1, account: Account | None = None) -> Enrolment:
    """Return an enrolment whose challenge is the seed's, agreed to at noon."""
    account = account or accounts.account()
    row = enrolments.start(account_id=account.id, remix_allowed=False, at=NOON)
    Enrolment.objects.filter(id=row.id).update(challenge=cameos.challenge(seed).as_json())
    return row


def agreed(seed: int = 1, account: Account | None = None) -> Enrolment:
    row = started(seed, account)
    agree(row)
    return row


def agree(row: Enrolment, **fields: object) -> ConsentStatement:
    given = {"agreed": True, "sha256": DIGEST, "at": NOON, "account_id": row.account_id} | fields
    return enrolments.agree(enrolment_id=row.id, **given)  # type: ignore[arg-type]  # By name.


def submit(row: Enrolment, recording: Path, **fields: object) -> Outcome:
    given = {"account_id": row.account_id, "at": SOON} | fields
    return enrolments.submit(enrolment_id=row.id, recording=recording, **given)  # type: ignore[arg-type]  # By name.


def vault_files() -> set[str]:
    """Return the captures that lie in the vault."""
    try:
        return set(storages["vault"].listdir("captures")[1])
    except FileNotFoundError:
        return set()


def stored_heads() -> list[bytes]:
    """Return the first four bytes of each file in the vault."""
    heads = []
    for name in vault_files():
        with storages["vault"].open(f"captures/{name}") as file:
            heads.append(file.read(4))
    return heads


@pytest.fixture(autouse=True)
def _empty_vault() -> None:
    """Begin with nothing of what other tests of this process left."""
    for name in vault_files():
        storages["vault"].delete(f"captures/{name}")


class TestStart:
    def test_makes_a_draft_cameo_and_a_challenge_for_five_minutes(self) -> None:
        account = accounts.account()

        row = enrolments.start(account_id=account.id, remix_allowed=True, at=NOON)

        assert (row.state, row.cameo.state, row.remix_allowed) == ("started", "draft", True)
        assert row.expires_at == NOON + timedelta(minutes=5)
        assert len(row.challenge["steps"]) == 6
        assert Record.objects.get().subject_id == account.id

    def test_enrols_the_living_cameo_again(self) -> None:
        made = cameos.cameo()

        row = enrolments.start(account_id=made.owner_id, remix_allowed=False, at=NOON)

        assert row.cameo_id == made.id

    def test_makes_a_new_cameo_after_one_was_purged(self) -> None:
        made = cameos.cameo(state="purged")

        row = enrolments.start(account_id=made.owner_id, remix_allowed=False, at=NOON)

        assert row.cameo_id != made.id

    def test_refuses_too_many_in_a_day(self) -> None:
        made = cameos.cameo()
        for _ in range(enrolments.STARTS_PER_DAY_MAX):
            cameos.enrolment(made)

        with pytest.raises(TooManyEnrolments):
            enrolments.start(account_id=made.owner_id, remix_allowed=False, at=SOON)
        tomorrow = NOON + timedelta(days=1)
        enrolments.start(account_id=made.owner_id, remix_allowed=False, at=tomorrow)

    def test_makes_one_cameo_when_two_start_at_once(self) -> None:
        account = accounts.account()

        def start() -> None:
            try:
                enrolments.start(account_id=account.id, remix_allowed=False, at=NOON)
            finally:
                connection.close()

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert Cameo.objects.filter(owner=account).count() == 1
        assert Enrolment.objects.filter(account=account).count() == 4


class TestAgree:
    def test_keeps_version_and_digest(self) -> None:
        row = started()

        kept = agree(row)

        row.refresh_from_db()
        assert row.state == "agreed"
        assert (kept.version, bytes(kept.sha256)) == (statements.CURRENT, DIGEST)

    def test_is_safe_to_repeat(self) -> None:
        row = started()

        assert agree(row).id == agree(row, at=SOON).id
        assert ConsentStatement.objects.count() == 1

    def test_refuses_a_no(self) -> None:
        row = started()

        with pytest.raises(StatementNotAgreed):
            agree(row, agreed=False)
        assert not ConsentStatement.objects.exists()

    def test_refuses_the_digest_of_another_text(self) -> None:
        with pytest.raises(StatementMismatch):
            agree(started(), sha256=hashlib.sha256(b"another").digest())

    def test_refuses_after_five_minutes(self) -> None:
        row = started()

        with pytest.raises(EnrolmentExpired):
            agree(row, at=row.expires_at)
        agree(row, at=row.expires_at - timedelta(microseconds=1))

    def test_is_not_for_somebody_elses(self) -> None:
        with pytest.raises(EnrolmentNotFound):
            agree(started(), account_id=accounts.account().id)


class TestSubmit:
    def test_verifies_who_does_as_asked(self, tmp_path: Path) -> None:
        row, recording = agreed(), cameos.recording()

        outcome = submit(row, recording)

        assert outcome.state == "verified"
        assert {check.verdict for check in outcome.checks} == {Verdict.PASS}
        development = {check.name for check in outcome.checks if check.by == "development"}
        assert development == {"words", "identity"}
        made = Cameo.objects.get(id=row.cameo_id)
        assert (made.state, made.audience, made.verified_at) == ("active", "self", SOON)
        assert made.destroy_after == SOON + timedelta(days=3 * 365)
        assert made.terms is not None
        assert (made.terms.version, made.terms.purposes) == (1, ["personal"])
        assert (made.terms.remix_allowed, made.terms.fees) == (False, {})
        kept = captures.decrypt_to(made.id, tmp_path / "clear")
        assert (tmp_path / "clear").read_bytes() == recording.read_bytes()
        assert kept.sha256 == hashlib.sha256(recording.read_bytes()).digest()
        assert kept.portrait_ends_s - kept.portrait_starts_s >= 3
        assert stored_heads() == [b"CSF1"]  # Nothing lies there in clear.
        said = b" ".join(bytes(entry.data) for entry in StagedEntry.objects.all())
        for event in ("started", "statement-agreed", "attempted", "verified"):
            assert f"enrolment.{event}".encode() in said
        assert str(row.account_id).encode() not in said

    def test_refuses_who_does_something_else_and_spends_the_attempt(self) -> None:
        row = agreed(seed=2)

        outcome = submit(row, cameos.recording(seed=1))

        row.refresh_from_db()
        assert outcome.state == row.state == "refused"
        assert any(check["verdict"] == "fail" for check in row.checks)
        assert not Capture.objects.exists()
        assert vault_files() == set()
        assert Cameo.objects.get(id=row.cameo_id).state == "draft"
        with pytest.raises(EnrolmentSpent):
            submit(row, cameos.recording(seed=1))

    def test_refuses_a_file_that_another_person_used(self) -> None:
        cameos.capture(sha256=hashlib.sha256(cameos.recording().read_bytes()).digest())

        outcome = submit(agreed(), cameos.recording())

        again = next(check for check in outcome.checks if check.name == "new-recording")
        assert (outcome.state, again.verdict) == ("refused", Verdict.FAIL)
        assert vault_files() == set()

    def test_refuses_a_recording_that_was_used_in_another_file(self) -> None:
        cameos.capture(fingerprint=cameos.measured().fingerprint)

        outcome = submit(agreed(), cameos.recording())

        again = next(check for check in outcome.checks if check.name == "new-recording")
        assert (outcome.state, again.measured) == ("refused", 1.0)

    def test_lets_one_of_two_at_once_use_a_recording(self) -> None:
        rows, outcomes = [agreed(), agreed()], list[str]()

        def run(row: Enrolment) -> None:
            try:
                outcomes.append(submit(row, cameos.recording()).state)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(row,)) for row in rows]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["refused", "verified"]
        assert Capture.objects.count() == len(vault_files()) == 1

    def test_spends_the_attempt_on_what_cannot_be_read(self, tmp_path: Path) -> None:
        row = agreed()

        with pytest.raises(CaptureUnreadable):
            submit(row, recordings.text_with_video_head(tmp_path / "a.mp4"))

        row.refresh_from_db()
        assert (row.state, row.checks[0]["name"]) == ("refused", "readable")

    def test_spends_nothing_on_what_is_no_video(self, tmp_path: Path) -> None:
        row = agreed()

        with pytest.raises(CaptureNotVideo):
            submit(row, recordings.text(tmp_path / "a.mp4"))

        row.refresh_from_db()
        assert row.state == "agreed"

    def test_gives_the_attempt_back_when_a_verifier_is_away(self, settings: object) -> None:
        settings.CAMEO_IDENTITY_VERIFIER = f"{__name__}.AbsentIdentity"  # type: ignore[attr-defined]  # A fixture.
        row = agreed()

        with pytest.raises(CaptureCheckUnavailable):
            submit(row, cameos.recording())

        row.refresh_from_db()
        assert (row.state, row.attempted_at) == ("agreed", None)

    def test_refuses_before_agreement_after_expiry_and_to_others(self) -> None:
        with pytest.raises(StatementNotAgreed):
            submit(started(), cameos.recording())
        row = agreed()
        with pytest.raises(EnrolmentExpired):
            submit(row, cameos.recording(), at=row.expires_at)
        with pytest.raises(EnrolmentNotFound):
            submit(row, cameos.recording(), account_id=accounts.account().id)

        assert not Capture.objects.exists()

    def test_renews_a_cameo_lets_the_older_capture_go_and_resumes_nothing(self) -> None:
        made = cameos.cameo(state="suspended")
        older = cameos.capture(cameos.verified(made))
        row = agreed(account=made.owner)

        assert submit(row, cameos.recording()).state == "verified"

        older.refresh_from_db()
        made.refresh_from_db()
        assert older.destroyed_at == SOON
        assert captures.for_render(made.id).id != older.id
        assert (made.state, made.verified_at) == ("suspended", SOON)
        assert made.terms is not None
        assert made.terms.version == 1

    def test_asks_a_person_where_a_verifier_is_unsure(self, settings: object) -> None:
        settings.CAMEO_IDENTITY_VERIFIER = f"{__name__}.UnsureIdentity"  # type: ignore[attr-defined]  # A fixture.
        row = agreed()

        assert submit(row, cameos.recording()).state == "review"

        assert Cameo.objects.get(id=row.cameo_id).state == "draft"
        with pytest.raises(CaptureNotFound):
            captures.for_render(row.cameo_id)


class TestDecide:
    @pytest.fixture
    def waiting(self, tmp_path: Path) -> Enrolment:
        """Return an enrolment in review whose capture lies in the vault."""
        row = cameos.enrolment(state="review", attempted_at=NOON)
        Cameo.objects.filter(id=row.cameo_id).update(terms=None)
        source, capture_id = tmp_path / "recording", uuid.uuid4()
        source.write_bytes(b"a face and a voice")
        path = vault.keep(cameo_id=row.cameo_id, capture_id=capture_id, source=source)
        cameos.capture(row, id=capture_id, path=path)
        return row

    def decide(self, row: Enrolment, *, approve: bool, by: UUID | None = None) -> Enrolment:
        return enrolments.decide(
            enrolment_id=row.id,
            cameo_id=row.cameo_id,
            reviewer_id=by or accounts.account(is_staff=True).id,
            approve=approve,
            reason="the face is the one on the card",
            at=SOON,
        )

    def test_verifies(self, waiting: Enrolment) -> None:
        self.decide(waiting, approve=True)

        assert Cameo.objects.get(id=waiting.cameo_id).state == "active"
        assert captures.for_render(waiting.cameo_id).cameo_id == waiting.cameo_id

    def test_refuses_and_destroys_the_capture(self, waiting: Enrolment) -> None:
        self.decide(waiting, approve=False)

        waiting.refresh_from_db()
        assert (waiting.state, waiting.review_reason) == (
            "refused",
            "the face is the one on the card",
        )
        assert Capture.objects.get().destroyed_at == SOON
        assert vault_files() == set()
        assert Cameo.objects.get(id=waiting.cameo_id).state == "draft"

    def test_happens_once(self, waiting: Enrolment) -> None:
        self.decide(waiting, approve=False)

        with pytest.raises(EnrolmentNotInReview):
            self.decide(waiting, approve=True)

    def test_is_never_the_subjects_own(self, waiting: Enrolment) -> None:
        with pytest.raises(OwnReview):
            self.decide(waiting, approve=True, by=waiting.account_id)

    def test_wants_an_enrolment_of_the_cameo_that_it_locked(self, waiting: Enrolment) -> None:
        waiting.cameo_id = cameos.cameo().id

        with pytest.raises(EnrolmentNotFound):
            self.decide(waiting, approve=True)

    def test_cannot_revive_a_cameo_that_was_purged_meanwhile(self, waiting: Enrolment) -> None:
        actions.purge(cameo_id=waiting.cameo_id, by=waiting.account_id, at=NOON)

        with pytest.raises(EnrolmentSpent):
            self.decide(waiting, approve=True)
        assert Cameo.objects.get(id=waiting.cameo_id).state == "purged"


@pytest.mark.django_db
class TestNoteOpening:
    def test_leaves_an_entry_before_each_look(self) -> None:
        kept, viewer = cameos.capture(), accounts.account()

        for _ in range(2):
            enrolments.note_opening(
                capture_id=kept.id, viewer_id=viewer.id, reason="case 7", at=NOON
            )

        said = [bytes(entry.data) for entry in StagedEntry.objects.all()]
        assert len([data for data in said if b"capture.opened" in data]) == 2

    def test_refuses_one_that_was_destroyed(self) -> None:
        kept = cameos.capture(path="", fingerprint=None, destroyed_at=NOON)

        with pytest.raises(CaptureNotFound):
            enrolments.note_opening(
                capture_id=kept.id, viewer_id=accounts.account().id, reason="case 7", at=NOON
            )
