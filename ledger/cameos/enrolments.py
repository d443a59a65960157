"""Writes of an enrolment: a challenge, an agreement, one attempt, and its outcome."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from ledger import db
from ledger.cameos import challenge as challenges
from ledger.cameos import checks, decoder, fingerprint, statements, vault_files, verifiers
from ledger.cameos.actions import destroy_captures, insert_terms
from ledger.cameos.challenge import Challenge
from ledger.cameos.checks import Check, Measured, Verdict
from ledger.cameos.errors import (
    CaptureCheckUnavailable,
    CaptureNotFound,
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
from ledger.cameos.queries import LIVING
from ledger.cameos.rules import TermsValue
from ledger.db import refusing, use_case
from ledger.errors import Conflict
from ledger.log import actions as log
from ledger.vault import keys

logger = structlog.get_logger(__name__)

STARTS_PER_DAY_MAX = 20
KEPT_FOR = timedelta(days=3 * 365)
FINGERPRINT_BATCH = 2_000


class _RecordingUsed(Conflict):
    code = "recording-used"
    title = "This recording was used before."


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: `verified`, `review` or `refused`, and every check."""

    enrolment_id: UUID
    state: str
    checks: tuple[Check, ...]
    cameo_id: UUID


@dataclass(frozen=True)
class _Kept:
    """A recording that lies encrypted in the vault, not yet named by a row."""

    capture_id: UUID
    path: str
    kind: str
    sha256: bytes
    size_bytes: int


@use_case
def start(*, account_id: UUID, remix_allowed: bool, at: datetime) -> Enrolment:
    """Draw a challenge for an account, valid for five minutes and one attempt.

    The account's living cameo is enrolled again, or a draft one is made.

    Args:
        remix_allowed: of the first terms version, should this make the cameo.

    Raises:
        TooManyEnrolments: `STARTS_PER_DAY_MAX` were started within 24 hours.
    """
    db.lock(exclusive=[db.account(account_id)])
    since = at - timedelta(days=1)
    started = Enrolment.objects.filter(account_id=account_id, created_at__gt=since).count()
    if started >= STARTS_PER_DAY_MAX:
        raise TooManyEnrolments(limit=STARTS_PER_DAY_MAX)
    cameo = Cameo.objects.filter(owner_id=account_id, state__in=LIVING).first()
    rows: list[Any] = []
    if cameo is None:
        cameo = Cameo.objects.create(owner_id=account_id, created_at=at)
        rows.append(cameo)
    keys.ensure(cameo.id, at)
    enrolment = Enrolment.objects.create(
        account_id=account_id,
        cameo=cameo,
        challenge=challenges.draw(random.SystemRandom()).as_json(),
        remix_allowed=remix_allowed,
        expires_at=at + timedelta(seconds=challenges.VALID_FOR_S),
        created_at=at,
    )
    _log("enrolment.started", enrolment, rows, at=at)
    return enrolment


@use_case
def agree(
    *, enrolment_id: UUID, account_id: UUID, agreed: bool, sha256: bytes, at: datetime
) -> ConsentStatement:
    """Note that the subject agreed to the statement with exactly this digest. Safe to repeat.

    Raises:
        EnrolmentNotFound: it is not there, or somebody else's.
        StatementNotAgreed: `agreed` is false.
        StatementMismatch: the digest is of another text.
        EnrolmentExpired, EnrolmentSpent: it is too late for this one.
    """
    enrolment = _locked(enrolment_id, account_id)
    if not agreed:
        raise StatementNotAgreed(enrolment_id=enrolment_id)
    statement = statements.current()
    if sha256 != statement.sha256:
        raise StatementMismatch(enrolment_id=enrolment_id, version=statement.version)
    if enrolment.state == Enrolment.State.AGREED:
        return ConsentStatement.objects.get(enrolment=enrolment)
    _demand_open(enrolment, at)
    row = ConsentStatement.objects.create(
        enrolment=enrolment,
        account_id=account_id,
        version=statement.version,
        sha256=statement.sha256,
        agreed_at=at,
    )
    enrolment.state = Enrolment.State.AGREED
    enrolment.save(update_fields=["state"])
    _log("enrolment.statement-agreed", enrolment, [row], at=at)
    return row


def submit(*, enrolment_id: UUID, account_id: UUID, recording: Path, at: datetime) -> Outcome:
    """Spend the one attempt on a recording, and check it. The caller deletes the file.

    Two transactions; between them the recording is decoded, checked by the verifiers and encrypted.
    A process that dies in between leaves the attempt spent.

    Raises:
        EnrolmentNotFound, EnrolmentExpired, EnrolmentSpent, StatementNotAgreed: no attempt is left.
        CaptureNotVideo: by its content it is neither MP4 nor WebM; the attempt is not spent.
        CaptureUnreadable: it breaks a bound; the attempt is spent.
        CaptureCheckUnavailable: it could not be checked now; the attempt is given back.
    """
    with recording.open("rb") as file:
        kind = decoder.kind_of(decoder.first_bytes(file))
        sha256 = hashlib.file_digest(file, "sha256").digest()
    begun = _begin(enrolment_id=enrolment_id, account_id=account_id, at=at)
    challenge = challenges.from_json(begun.challenge)
    try:
        measured = decoder.measure(recording, kind)
        found = _checks(begun, challenge, measured, recording, sha256)
    except CaptureCheckUnavailable:
        _give_back(enrolment_id=enrolment_id, at=at)
        raise
    except CaptureUnreadable as exc:
        unreadable = Check("readable", Verdict.FAIL, detail=str(exc.members.get("reason", "")))
        _refuse(enrolment_id=enrolment_id, found=(unreadable,), at=at)
        raise
    if checks.outcome(found) == Verdict.FAIL:
        return _refuse(enrolment_id=enrolment_id, found=found, at=at)
    return _keep_and_accept(begun, challenge, measured, found, recording, kind, sha256, at)


def _checks(
    enrolment: Enrolment, challenge: Challenge, measured: Measured, recording: Path, sha256: bytes
) -> tuple[Check, ...]:
    db.forbid_open_transaction()
    speaking = challenge.speaking
    share = round(checks.voiced_share(speaking, measured.voiced), 3)
    words = verifiers.words_verifier().hear(
        recording, words=challenge.words, starts_s=speaking.starts_s, ends_s=speaking.ends_s,
        voiced_share=share,
    )  # fmt: skip
    identity = verifiers.identity_verifier().identify(
        account_id=enrolment.account_id, recording=recording
    )
    is_new = _new_recording(sha256, measured.fingerprint)
    return (*checks.check(challenge, measured), is_new, words, identity)


def _new_recording(sha256: bytes, print_: bytes) -> Check:
    """Compare with every capture that is kept, by digest and by fingerprint."""
    if Capture.objects.filter(sha256=sha256).exists():
        return Check("new-recording", Verdict.FAIL, detail="the same file", measured=1.0)
    kept = Capture.objects.filter(fingerprint__isnull=False).values_list("fingerprint", flat=True)
    most, batch = 0.0, list[bytes]()
    for other in kept.iterator(chunk_size=FINGERPRINT_BATCH):
        batch.append(bytes(other or b""))  # Never empty: the query leaves those out.
        if len(batch) == FINGERPRINT_BATCH:
            most, batch = max(most, fingerprint.sameness(print_, batch).max()), []
    if batch:
        most = max(most, fingerprint.sameness(print_, batch).max())
    return _likeness_to_earlier(round(float(most), 3))


def _likeness_to_earlier(share: float) -> Check:
    if share >= fingerprint.SAME_SHARE_MIN:
        detail = "it shows what an earlier recording shows"
        return Check("new-recording", Verdict.FAIL, detail=detail, measured=share)
    alike = share >= fingerprint.ALIKE_SHARE_MIN
    return Check("new-recording", Verdict.UNSURE if alike else Verdict.PASS, measured=share)


def _keep_and_accept(
    enrolment: Enrolment, challenge: Challenge, measured: Measured, found: tuple[Check, ...],
    recording: Path, kind: str, sha256: bytes, at: datetime,
) -> Outcome:  # fmt: skip
    capture_id = uuid.uuid4()
    path = vault_files.keep(cameo_id=enrolment.cameo_id, capture_id=capture_id, source=recording)
    kept = _Kept(capture_id, path, kind, sha256, recording.stat().st_size)
    try:
        return _accept(
            enrolment_id=enrolment.id, cameo_id=enrolment.cameo_id, challenge=challenge,
            measured=measured, found=found, kept=kept, at=at,
        )  # fmt: skip
    except _RecordingUsed:
        vault_files.remove(path)
        again = Check("new-recording", Verdict.FAIL, detail="the same file", measured=1.0)
        replaced = tuple(again if check.name == again.name else check for check in found)
        return _refuse(enrolment_id=enrolment.id, found=replaced, at=at)
    except BaseException:
        vault_files.remove(path)
        raise


@use_case
def _begin(*, enrolment_id: UUID, account_id: UUID, at: datetime) -> Enrolment:
    """Spend the attempt."""
    enrolment = _locked(enrolment_id, account_id)
    _demand_open(enrolment, at)
    if enrolment.state != Enrolment.State.AGREED:
        raise StatementNotAgreed(enrolment_id=enrolment_id)
    enrolment.state, enrolment.attempted_at = Enrolment.State.CHECKING, at
    enrolment.save(update_fields=["state", "attempted_at"])
    _log("enrolment.attempted", enrolment, [], at=at)
    return enrolment


@use_case
def _give_back(*, enrolment_id: UUID, at: datetime) -> None:
    enrolment = Enrolment.objects.select_for_update().get(id=enrolment_id)
    enrolment.state, enrolment.attempted_at = Enrolment.State.AGREED, None
    enrolment.save(update_fields=["state", "attempted_at"])
    _log("enrolment.attempt-given-back", enrolment, [], at=at)


@use_case
def _refuse(*, enrolment_id: UUID, found: tuple[Check, ...], at: datetime) -> Outcome:
    enrolment = Enrolment.objects.select_for_update().get(id=enrolment_id)
    _end(enrolment, Enrolment.State.REFUSED, found, at=at)
    _log("enrolment.refused", enrolment, [], at=at)
    return Outcome(enrolment.id, enrolment.state, found, enrolment.cameo_id)


@use_case
def _accept(
    *, enrolment_id: UUID, cameo_id: UUID, challenge: Challenge, measured: Measured,
    found: tuple[Check, ...], kept: _Kept, at: datetime,
) -> Outcome:  # fmt: skip
    """Name the capture, and verify the cameo or ask a person."""
    db.lock(exclusive=[db.cameo(cameo_id)])
    enrolment = Enrolment.objects.select_for_update().get(id=enrolment_id)
    is_sure = checks.outcome(found) == Verdict.PASS
    _end(enrolment, Enrolment.State.VERIFIED if is_sure else Enrolment.State.REVIEW, found, at=at)
    with refusing(recording_is_used_once=_RecordingUsed()):
        capture = Capture.objects.create(
            id=kept.capture_id,
            enrolment=enrolment,
            cameo_id=cameo_id,
            path=kept.path,
            format=kept.kind,
            sha256=kept.sha256,
            fingerprint=measured.fingerprint,
            size_bytes=kept.size_bytes,
            seconds=measured.seconds,
            width_px=measured.width_px,
            height_px=measured.height_px,
            fps=measured.fps,
            has_voice="1" in measured.voiced,
            portrait_starts_s=min(challenge.speaking.starts_s + checks.SETTLE_S, measured.seconds),
            portrait_ends_s=min(challenge.speaking.ends_s, measured.seconds),
            created_at=at,
        )
    if is_sure:
        _verify(enrolment, capture, at=at)
    else:
        _log("enrolment.sent-to-review", enrolment, [capture], at=at)
    return Outcome(enrolment.id, enrolment.state, found, cameo_id)


@use_case
def decide(
    *, enrolment_id: UUID, cameo_id: UUID, reviewer_id: UUID, approve: bool, reason: str,
    at: datetime,
) -> Enrolment:  # fmt: skip
    """Decide, as a person, what the automatic checks were unsure of.

    Args:
        cameo_id: of the enrolment, so that its lock is taken before anything is read.
        reason: what the person saw; not empty.

    Raises:
        EnrolmentNotFound: it is not there, or of another cameo.
        EnrolmentNotInReview: it was decided before, or was never unsure.
        OwnReview: the reviewer is the subject.
    """
    db.lock(exclusive=[db.cameo(cameo_id)])
    enrolment = (
        Enrolment.objects.select_for_update().filter(id=enrolment_id, cameo_id=cameo_id).first()
    )
    if enrolment is None:
        raise EnrolmentNotFound(enrolment_id=enrolment_id)
    if enrolment.account_id == reviewer_id:
        raise OwnReview(enrolment_id=enrolment_id)
    if enrolment.state != Enrolment.State.REVIEW:
        raise EnrolmentNotInReview(enrolment_id=enrolment_id, state=enrolment.state)
    enrolment.reviewer_id, enrolment.review_reason = reviewer_id, reason
    enrolment.state = Enrolment.State.VERIFIED if approve else Enrolment.State.REFUSED
    enrolment.decided_at = at
    enrolment.save(update_fields=["reviewer", "review_reason", "state", "decided_at"])
    capture = Capture.objects.get(enrolment=enrolment)
    if approve:
        _verify(enrolment, capture, at=at)
    else:
        destroy_captures([capture], at=at)
        _log("enrolment.refused", enrolment, [capture], at=at)
    return enrolment


@use_case
def note_opening(*, capture_id: UUID, viewer_id: UUID, reason: str, at: datetime) -> Capture:
    """Log that a person of the service is about to look at a capture. Call it before each look.

    Raises:
        CaptureNotFound: it is not there, or was destroyed.
    """
    capture = (
        Capture.objects.select_related("enrolment").filter(id=capture_id, destroyed_at=None).first()
    )
    if capture is None:
        raise CaptureNotFound(capture_id=capture_id)
    log.stage(
        type="capture.opened",
        at=at,
        subject_id=capture.enrolment.account_id,
        details={"capture_id": capture_id, "viewer_id": viewer_id, "reason": reason},
    )
    logger.info("capture.opened", capture_id=str(capture_id), viewer_id=str(viewer_id))
    return capture


def _verify(enrolment: Enrolment, capture: Capture, *, at: datetime) -> None:
    """Make the cameo active, or renew it; older captures go. The caller holds its lock."""
    cameo = Cameo.objects.get(id=enrolment.cameo_id)
    if cameo.state not in LIVING:
        raise EnrolmentSpent(enrolment_id=enrolment.id)
    rows: list[Any] = [capture, cameo]
    if cameo.terms is None:
        first = TermsValue(remix_allowed=enrolment.remix_allowed)
        cameo.terms = insert_terms(cameo=cameo, terms=first, at=at)
        rows.append(cameo.terms)
    if cameo.state == Cameo.State.DRAFT:
        cameo.state = Cameo.State.ACTIVE  # A suspended one stays so: only staff resumes it.
    cameo.verified_at, cameo.destroy_after = at, at + KEPT_FOR
    cameo.save(update_fields=["state", "terms", "verified_at", "destroy_after"])
    older = Capture.objects.filter(
        cameo=cameo, destroyed_at=None, enrolment__state=Enrolment.State.VERIFIED
    ).exclude(id=capture.id)
    rows += destroy_captures(older, at=at)
    _log("enrolment.verified", enrolment, rows, at=at)


def _end(
    enrolment: Enrolment, state: Enrolment.State, found: Sequence[Check], *, at: datetime
) -> None:
    if enrolment.state != Enrolment.State.CHECKING:
        raise EnrolmentSpent(enrolment_id=enrolment.id)
    enrolment.state, enrolment.checks = state, [check.as_json() for check in found]
    enrolment.decided_at = None if state == Enrolment.State.REVIEW else at
    enrolment.save(update_fields=["state", "checks", "decided_at"])


def _locked(enrolment_id: UUID, account_id: UUID) -> Enrolment:
    enrolment = (
        Enrolment.objects.select_for_update().filter(id=enrolment_id, account_id=account_id).first()
    )
    if enrolment is None:
        raise EnrolmentNotFound(enrolment_id=enrolment_id)
    return enrolment


def _demand_open(enrolment: Enrolment, at: datetime) -> None:
    if enrolment.state in Enrolment.ATTEMPTED:
        raise EnrolmentSpent(enrolment_id=enrolment.id)
    if at >= enrolment.expires_at:
        raise EnrolmentExpired(enrolment_id=enrolment.id)


def _log(event: str, enrolment: Enrolment, rows: Sequence[Any], *, at: datetime) -> None:
    log.stage(type=event, at=at, subject_id=enrolment.account_id, rows=[enrolment, *rows])
    logger.info(event, enrolment_id=str(enrolment.id))
