"""From the worker's file to the released one: check, detect, fingerprint, seal, re-read, RELEASE.

Each step looks first whether it was done, so a finish that was killed anywhere goes on where it stood.
The work is done outside transactions, on files of its own; three short transactions write it down.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from gpu_worker.contract import job as jobs
from gpu_worker.contract.receipt import Receipt
from ledger.consent import gates
from ledger.db import use_case
from ledger.log import actions as log
from ledger.notifications import actions as notifications
from provenance.marks import actions as marks
from provenance.marks import detection, fingerprints, reading, visible
from provenance.marks import keys as mark_keys
from provenance.marks import queries as mark_queries
from provenance.renders import (
    actions,
    attempts,
    files,
    manifests,
    permits,
    probing,
    queries,
    rules,
    transitions,
)
from provenance.renders.errors import OutputRejected
from provenance.renders.models import Attempt, Render
from provenance.seals import actions as seals
from provenance.seals import signers
from rights.licences import actions as licences
from rights.licences.errors import NotAuthorised

logger = structlog.get_logger(__name__)

LOCK_CLASS = 0x5EA1
READ_SECONDS_MAX = 60.0

Clock = Callable[[], datetime]
AtStep = Callable[[str], None]


def nothing(name: str) -> None:
    """Do nothing between two steps; tests die here."""


class Busy(Exception):
    """Another process is at work on this render; nothing was done."""


@dataclass(frozen=True)
class Checked:
    """A worker's file that was found to be what it should be."""

    path: Path
    job: jobs.Job
    receipt: Receipt
    probe: probing.Probe
    mark_id: int
    fingerprint: fingerprints.Fingerprint


def finish(*, render_id: UUID, clock: Clock = timezone.now, at_step: AtStep = nothing) -> None:
    """Bring a render from `sealing` or `approval_pending` as far as it goes now. Safe to repeat.

    A denied one whose file had arrived is sealed too, so that its subjects may see it; not released.

    Raises:
        Busy: another process is at it.
    """
    with _alone(render_id):
        render = Render.objects.select_related("use").get(pk=render_id)
        try:
            if _wants_seal(render):
                _seal(render, clock=clock, at_step=at_step)
            at_step("written")
            _release_if_due(render_id, clock=clock)
            at_step("released")
        except OutputRejected as exc:
            reason = str(exc.members["reason"])
            logger.warning("render.output_rejected", render_id=str(render_id), reason=reason)
            actions.give_up(render_id=render_id, code=reason, at=clock())
        actions.destroy_needless_files(render_id=render_id, at=clock())


def _wants_seal(render: Render) -> bool:
    """Return whether a worker's file is there that was not sealed yet."""
    return (
        render.state in (rules.State.SEALING, rules.State.DENIED)
        and bool(render.output_path)
        and not render.sealed_path
    )


def _seal(render: Render, *, clock: Clock, at_step: AtStep = nothing) -> None:
    """Check the worker's file, seal it, re-read it, and write all of that down."""
    attempt = Attempt.objects.select_related("decision").get(
        render=render, end_code=attempts.DELIVERED
    )
    files.tidy(render.pk, keep=[render.output_path])  # What a killed finish left behind.
    checked = check(render, attempt)
    at_step("checked")
    with files.workplace(render.pk) as place:
        poster, target = checked.probe.poster, place / "sealed.mp4"
        request = manifests.request_for(
            render=render,
            attempt=attempt,
            receipt=checked.receipt,
            fingerprint=checked.fingerprint,
            mark_id=checked.mark_id,
            poster=poster,
            at=clock(),
        )
        sealed = seals.seal(
            source=checked.path, target=target, request=request, signer=signers.from_settings()
        )
        _reread(target, sealed=sealed, before=checked.probe)
        at_step("sealed")
        name = files.sealed_name(render_id=render.pk, sha256=sealed.sha256)
        files.put(target, name)
    at_step("placed")
    if not _write_down(render_id=render.pk, sealed=sealed, name=name, checked=checked, at=clock()):
        files.destroy(name)  # Another finish was first; its file is the one that counts.


def check(render: Render, attempt: Attempt) -> Checked:
    """Return the worker's file once it proved to be what its job asked for, with both marks in it.

    Raises:
        OutputRejected: it is not; `reason` says what differs.
    """
    path = files.path_of(render.output_path)
    job = jobs.from_plain(attempt.job)
    receipt = permits.read_receipt(attempt.receipt)
    if not path.exists() or files.digest(path).hex() != receipt.output_sha256:
        raise OutputRejected(reason="changed-at-rest")
    found = probing.probe(path)
    probing.check(found, job=job, receipt=receipt)
    try:
        video = reading.read(path, seconds_max=READ_SECONDS_MAX)
    except (reading.VideoUnreadable, reading.VideoTooLarge) as exc:
        raise OutputRejected(reason="not-a-video") from exc
    mark_id = _require_marks(video, render_id=render.pk, job=job)
    return Checked(path, job, receipt, found, mark_id, fingerprints.fingerprint_of(video))


def _require_marks(video: reading.Reading, *, render_id: UUID, job: jobs.Job) -> int:
    """Return the id in the invisible mark, which is this render's; the visible mark is there too."""
    mark = detection.detect_in(video, keys=mark_keys.every())
    if mark is None or mark_queries.use_of_mark(mark.mark_id) != render_id:
        raise OutputRejected(reason="no-invisible-mark")
    if not visible.presence_in(video, text=job.mark_text).is_present:
        raise OutputRejected(reason="no-visible-mark")
    return mark.mark_id


def _reread(target: Path, *, sealed: seals.Sealed, before: probing.Probe) -> None:
    """Read the sealed file again: its pictures and sound are the checked ones, packet by packet.

    That both marks are in the sealed file rests on this. Its manifest was re-read by `seals.seal`.
    """
    if files.digest(target) != sealed.sha256:
        raise OutputRejected(reason="changed-at-rest")
    if probing.probe(target).packets_sha256 != before.packets_sha256:
        raise OutputRejected(reason="seal-changed-the-media")


@use_case
def _write_down(
    *,
    render_id: UUID,
    sealed: seals.Sealed,
    name: str,
    checked: Checked,
    at: datetime,
) -> bool:
    """Write the seal, the index and the file's name down. Returns False if that was done before."""
    render = Render.objects.select_for_update(of=("self",)).select_related("use").get(pk=render_id)
    if render.sealed_path or render.state not in (rules.State.SEALING, rules.State.DENIED):
        return False
    seals.record(
        use_id=render_id,
        sealed=sealed,
        visible_mark=True,
        invisible_mark=True,
        manifest=True,
        at=at,
    )
    marks.register(
        render_id=render_id, mark_id=checked.mark_id, fingerprint=checked.fingerprint, at=at
    )
    Render.objects.filter(pk=render_id).update(
        sealed_path=name, sealed_sha256=sealed.sha256, sealed_size_bytes=sealed.size_bytes
    )
    log.stage(
        type="render.finished",
        at=at,
        subject_id=render.use.requester_id,
        rows=[render],
        public={"render_id": str(render_id), "sha256": sealed.sha256.hex()},
    )
    if render.state == rules.State.SEALING:
        notifications.tell(
            account_ids=queries.co_owner_ids(render_id),
            kind="render.finished",
            about_id=render_id,
            at=at,
        )
    return True


def _release_if_due(render_id: UUID, *, clock: Clock) -> None:
    render = Render.objects.get(pk=render_id)
    if render.state not in (rules.State.SEALING, rules.State.APPROVAL_PENDING):
        return
    if not render.sealed_path:
        return  # It ended, or another finish is writing its own down.
    try:
        release(render_id=render_id, at=clock())
    except NotAuthorised as exc:
        logger.warning("render.money_lapsed", render_id=str(render_id))
        actions.give_up(render_id=render_id, code=exc.code, at=clock())


@use_case
def release(*, render_id: UUID, at: datetime) -> None:
    """RELEASE: decide, release the render and intend the capture of its money, or none of it.

    The promise of ADR 3 is kept here: the gate's locks are held until all of this commits.

    Raises:
        NotAuthorised: the money's authorisation ran out; nothing happened.
    """
    decided = gates.release(use_id=render_id, at=at)
    if not decided.is_permitted:
        return  # The gate has ended the use, and told `actions.use_changed`.
    render = Render.objects.select_for_update(of=("self",)).get(pk=render_id)
    if render.state not in (rules.State.SEALING, rules.State.APPROVAL_PENDING):
        return
    if decided.awaiting_approval:
        _await_approval(render_id, cameo_ids=decided.awaiting_approval, at=at)
        return
    licences.intend_capture(use_id=render_id, at=at)
    transitions.move(
        render_id=render_id,
        to=rules.State.RELEASED,
        at=at,
        stage="",
        public={"sha256": bytes(render.sealed_sha256 or b"").hex()},
    )
    notifications.tell(
        account_ids=queries.co_owner_ids(render_id),
        kind="render.released",
        about_id=render_id,
        at=at,
    )
    logger.info("render.released", render_id=str(render_id))


def _await_approval(render_id: UUID, *, cameo_ids: tuple[UUID, ...], at: datetime) -> None:
    transitions.move(render_id=render_id, to=rules.State.APPROVAL_PENDING, at=at, stage="")
    notifications.tell(
        account_ids=queries.owners_of(cameo_ids),
        kind="render.approval-asked",
        about_id=render_id,
        at=at,
    )


@contextmanager
def _alone(render_id: UUID) -> Iterator[None]:
    """Hold the right to finish one render, for as long as this connection lives.

    It saves work; that nothing is sealed or released twice rests on the rows alone.
    """
    key = [LOCK_CLASS, zlib.crc32(render_id.bytes) - 2**31]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        row = cursor.fetchone()
    if not row or not row[0]:
        raise Busy(render_id)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
