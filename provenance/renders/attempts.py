"""Attempts: DISPATCH and its permit, redemption, beats, the output, and what went wrong."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from gpu_worker.contract import capture as contract_capture
from gpu_worker.contract import errors as contract
from gpu_worker.contract import job as jobs
from gpu_worker.contract import permit, redemption
from gpu_worker.contract.receipt import Receipt
from ledger.cameos import captures
from ledger.consent import gates
from ledger.consent.models import UseCast
from ledger.db import step, use_case
from ledger.log import actions as log
from ledger.log import queries as log_queries
from ledger.outbox import actions as outbox
from ledger.vault import keys as vault
from provenance.marks import actions as marks
from provenance.renders import files, permits, queries, rules, transitions
from provenance.renders.actions import DISPATCH_TOPIC, end
from provenance.renders.errors import (
    AlreadyRedeemed,
    AttemptOver,
    CaptureNotNamed,
    NotRedeemed,
    PermitRanOut,
    ReceiptMismatch,
)
from provenance.renders.jobs import build
from provenance.renders.models import Attempt, Render

logger = structlog.get_logger(__name__)

SEND_TOPIC = "render.send"
FINISH_TOPIC = "render.finish"
DELIVERED = "delivered"
LOST = "lost"
SECRET_SIZE_BYTES = 32


class NothingDue(Exception):
    """Rolls back a DISPATCH that turned out not to be due: the message was delivered twice."""


@dataclass(frozen=True)
class Message:
    """What is sent to a worker: plain data."""

    permit: str
    job: dict[str, object]


def dispatch(*, render_id: UUID, at: datetime) -> Attempt | None:
    """Decide DISPATCH, and make the attempt that its permit is for. Safe to repeat.

    Returns None where nothing is due (ended, at work already) or where consent denied it.
    """
    if not _is_due(Render.objects.filter(pk=render_id).first()):
        return None
    try:
        return _dispatch(render_id=render_id, at=at)
    except NothingDue:
        return None


@use_case
def _dispatch(*, render_id: UUID, at: datetime) -> Attempt | None:
    decided = gates.dispatch(use_id=render_id, at=at)
    if not decided.is_permitted or decided.decision_id is None:
        return None  # The gate has ended the use, and told `actions.use_changed`.
    render = Render.objects.select_for_update(of=("self",)).select_related("use").get(pk=render_id)
    if not _is_due(render):
        raise NothingDue
    attempt = _make_attempt(render, decision_id=decided.decision_id, at=at)
    if render.state == rules.State.PAYMENT_PENDING:
        transitions.move(render_id=render_id, to=rules.State.QUEUED, at=at)
    payload = {"attempt_id": str(attempt.id), "use_id": str(render_id)}
    outbox.enqueue(topic=SEND_TOPIC, payload=payload, at=at)
    return attempt


@step
def _make_attempt(render: Render, *, decision_id: UUID, at: datetime) -> Attempt:
    attempt_id = uuid.uuid4()
    cast = list(UseCast.objects.filter(use_id=render.pk).select_related("cameo").order_by("id"))
    job = build(
        render=render,
        cast=cast,
        parent=_parent(render),
        attempt_id=attempt_id,
        mark_text=marks.allocate(render_id=render.pk, at=at).text,
    )
    named = {member.cameo_ref for member in job.cast if not member.in_parent}
    attempt = Attempt.objects.create(
        id=attempt_id,
        render=render,
        number=render.attempts.count() + 1,
        decision_id=decision_id,
        job=jobs.to_plain(job),
        job_sha256=bytes.fromhex(jobs.sha256(job)),
        captures={
            str(row.id): captures.for_render(row.cameo_id).sha256.hex()
            for row in cast
            if str(row.id) in named
        },
        expires_at=at + timedelta(seconds=settings.PERMIT_TTL_S),
        created_at=at,
    )
    log.stage(
        type="permit.granted",
        at=at,
        subject_id=render.use.requester_id,
        rows=[attempt],
        public={"render_id": str(render.pk), "permit_id": str(attempt.id)},
    )
    return attempt


def _is_due(render: Render | None) -> bool:
    """Return whether a render waits for its first or next attempt."""
    return (
        render is not None
        and render.state in (rules.State.PAYMENT_PENDING, *rules.AT_WORK)
        and queries.living_attempt(render.pk) is None
        and render.attempts.count() < settings.RENDER_ATTEMPTS_MAX
    )


def _parent(render: Render) -> Render | None:
    if render.use.parent_id is None:
        return None
    return Render.objects.select_related("use").get(pk=render.use.parent_id)


def is_logged(attempt: Attempt) -> bool:
    """Return whether the decision that the permit rests on has its place in the log."""
    entry_id = attempt.decision.log_entry_id
    return entry_id is not None and log_queries.is_sequenced(entry_id)


def message_for(attempt: Attempt) -> Message:
    """Return what the worker is sent: the permit, signed here and now, and its job."""
    signed = permits.sign(
        jobs.from_plain(attempt.job),
        not_before_at=attempt.created_at,
        expires_at=attempt.expires_at,
    )
    return Message(permit=signed, job=attempt.job)


def to_send(*, attempt_id: UUID, at: datetime) -> Attempt | None:
    """Return the attempt if its permit is still worth sending: living, unredeemed, not run out."""
    return (
        Attempt.objects.select_related("decision")
        .filter(pk=attempt_id, ended_at=None, redeemed_at=None, expires_at__gt=at)
        .first()
    )


@use_case
def redeem(*, claims: permit.PermitClaims, at: datetime) -> redemption.Redemption:
    """Hand over the one-job secrets, once for each permit. The render is `rendering` from here on.

    Raises:
        AttemptOver: the attempt or its render has ended.
        AlreadyRedeemed: the secrets were handed over before.
        PermitRanOut: too late, or too early.
    """
    render, attempt = _lock(claims)
    if attempt.redeemed_at is not None:
        raise AlreadyRedeemed(attempt_id=attempt.id)
    try:
        permit.require_valid(claims, at=at)
    except contract.PermitError as exc:
        raise PermitRanOut(attempt_id=attempt.id) from exc
    secret = secrets.token_bytes(SECRET_SIZE_BYTES)
    Attempt.objects.filter(pk=attempt.pk).update(
        job_secret=vault.encrypt(None, secret, _secret_context(attempt.id)),
        redeemed_at=at,
        beat_at=at,
    )
    log.stage(type="permit.redeemed", at=at, subject_id=render.use.requester_id, rows=[attempt])
    if render.state == rules.State.QUEUED:
        transitions.move(render_id=render.pk, to=rules.State.RENDERING, at=at)
    mark = marks.allocate(render_id=render.pk, at=at)
    return redemption.Redemption(
        capture_keys={ref: _capture_key(secret, ref) for ref in attempt.captures},
        mark_key=mark.pattern_key,
        mark_payload=mark.payload.to_bytes(redemption.MARK_PAYLOAD_SIZE_BYTES, "big"),
    )


@use_case
def beat(
    *,
    claims: permit.PermitClaims,
    stage: str,
    fraction: float,
    seconds_left: float | None,
    at: datetime,
) -> bool:
    """Note a worker's progress. Returns True when it must stop: the attempt or its render has ended."""
    is_living = Attempt.objects.filter(
        pk=claims.attempt_id, render_id=claims.render_id, ended_at=None, redeemed_at__isnull=False
    ).update(beat_at=at)
    if not is_living:
        return True
    is_rendering = Render.objects.filter(pk=claims.render_id, state=rules.State.RENDERING).update(
        stage=stage, progress=fraction, seconds_left=seconds_left
    )
    return not is_rendering


def at_work(claims: permit.PermitClaims) -> Attempt:
    """Return the living attempt of a redeemed permit.

    Raises:
        AttemptOver: the attempt or its render has ended.
        NotRedeemed: its secrets were never asked for.
    """
    attempt = (
        Attempt.objects.select_related("render", "render__use")
        .filter(pk=claims.attempt_id, render_id=claims.render_id)
        .first()
    )
    if attempt is None or attempt.ended_at is not None:
        raise AttemptOver(attempt_id=claims.attempt_id)
    if attempt.redeemed_at is None:
        raise NotRedeemed(attempt_id=attempt.id)
    if attempt.render.state != rules.State.RENDERING:
        raise AttemptOver(attempt_id=attempt.id)
    return attempt


def open_capture(*, attempt: Attempt, cameo_ref: str, target: Path) -> tuple[bytes, bytes]:
    """Write a capture in clear to `target`; return its one-job key and what it is to be bound to.

    Raises:
        CaptureNotNamed: the permit's job does not name it.
        AttemptOver: another capture has taken its place since, or it is gone.
    """
    if cameo_ref not in attempt.captures or attempt.job_secret is None:
        raise CaptureNotNamed(cameo_ref=cameo_ref)
    row = UseCast.objects.get(pk=cameo_ref, use_id=attempt.render_id)
    written = captures.decrypt_to(row.cameo_id, target)
    if written.sha256.hex() != attempt.captures[cameo_ref]:
        raise AttemptOver(attempt_id=attempt.id)
    secret = vault.decrypt(None, bytes(attempt.job_secret), _secret_context(attempt.id))
    bound_to = contract_capture.context(
        render_id=attempt.render_id, attempt_id=attempt.id, cameo_ref=cameo_ref
    )
    return _capture_key(secret, cameo_ref), bound_to


def check_receipt(receipt: Receipt, *, attempt: Attempt, sha256: bytes, size_bytes: int) -> None:
    """Raise `ReceiptMismatch` unless a receipt is about this attempt, its job and this file."""
    expected: Mapping[str, object] = {
        "render_id": attempt.render_id,
        "attempt_id": attempt.id,
        "job_sha256": bytes(attempt.job_sha256).hex(),
        "output_sha256": sha256.hex(),
        "output_size_bytes": size_bytes,
    }
    wrong = [name for name, value in expected.items() if getattr(receipt, name) != value]
    if wrong:
        raise ReceiptMismatch(attempt_id=attempt.id, members=wrong)


@use_case
def accept_output(*, claims: permit.PermitClaims, token: str, at: datetime) -> None:
    """Take the file that was put under this attempt's output name; from here on it is sealed.

    Raises:
        AttemptOver: the attempt or its render has ended: the file is not wanted.
    """
    render, attempt = _lock(claims)
    if render.state != rules.State.RENDERING:
        raise AttemptOver(attempt_id=attempt.id)
    transitions.end_attempt(attempt=attempt, code=DELIVERED, at=at, receipt=token)
    transitions.move(
        render_id=render.pk,
        to=rules.State.SEALING,
        at=at,
        output_path=files.output_name(render_id=render.pk, attempt_id=attempt.id),
        stage="sealing",
        progress=1.0,
        seconds_left=None,
    )
    outbox.enqueue(topic=FINISH_TOPIC, payload={"use_id": str(render.pk)}, at=at)


def was_delivered(*, claims: permit.PermitClaims, token: str) -> bool:
    """Return whether this very receipt was accepted before: the answer got lost on its way."""
    return Attempt.objects.filter(
        pk=claims.attempt_id, render_id=claims.render_id, end_code=DELIVERED, receipt=token
    ).exists()


def over(*, attempt_id: UUID, code: str, at: datetime) -> None:
    """End an attempt that brought nothing: try again, or fail the render after the last one.

    Safe to repeat: an attempt that has ended is left as it is.
    """
    attempt = Attempt.objects.filter(pk=attempt_id, ended_at=None).first()
    if attempt is None:
        return
    if rules.wants_another_attempt(
        code=code, number=attempt.number, attempts_max=settings.RENDER_ATTEMPTS_MAX
    ):
        _retry(render_id=attempt.render_id, attempt_id=attempt_id, code=code, at=at)
    else:
        end(render_id=attempt.render_id, state=rules.State.FAILED, code=code, at=at)
    logger.info(
        "attempt.over", render_id=str(attempt.render_id), attempt_id=str(attempt_id), code=code
    )


@use_case
def _retry(*, render_id: UUID, attempt_id: UUID, code: str, at: datetime) -> None:
    render = Render.objects.select_for_update(of=("self",)).get(pk=render_id)
    attempt = (
        Attempt.objects.select_for_update(of=("self",))
        .select_related("render__use")
        .filter(pk=attempt_id, ended_at=None)
        .first()
    )
    if attempt is None:
        return
    transitions.end_attempt(attempt=attempt, code=code, at=at)
    Render.objects.filter(pk=render.pk).update(stage="", progress=0, seconds_left=None)
    outbox.enqueue(topic=DISPATCH_TOPIC, payload={"use_id": str(render_id)}, at=at)


@step
def _lock(claims: permit.PermitClaims) -> tuple[Render, Attempt]:
    """Return the render and the living attempt of a permit, their rows locked in that order."""
    render = (
        Render.objects.select_for_update(of=("self",))
        .select_related("use")
        .filter(pk=claims.render_id)
        .first()
    )
    attempt = (
        Attempt.objects.select_for_update(of=("self",))
        .select_related("render__use")
        .filter(pk=claims.attempt_id, render_id=claims.render_id, ended_at=None)
        .first()
    )
    if render is None or attempt is None or render.state not in rules.AT_WORK:
        raise AttemptOver(attempt_id=claims.attempt_id)
    return render, attempt


def _secret_context(attempt_id: UUID) -> bytes:
    return b"attempt-secret\n" + attempt_id.bytes


def _capture_key(secret: bytes, cameo_ref: str) -> bytes:
    """Return the key of one capture for one job. Source: RFC 5869."""
    derive = HKDF(
        algorithm=SHA256(),
        length=contract_capture.KEY_SIZE_BYTES,
        salt=None,
        info=b"countersign/capture/v1\n" + cameo_ref.encode(),
    )
    return derive.derive(secret)
