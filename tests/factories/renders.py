"""People, cameos and renders at each point of their way, made by the real actions."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gpu_worker.contract import job as jobs
from gpu_worker.contract import keys
from gpu_worker.contract import receipt as receipts
from gpu_worker.contract.permit import PermitClaims
from gpu_worker.contract.redemption import Redemption
from gpu_worker.marking.invisible import InvisibleMark
from gpu_worker.marking.visible import VisibleMark
from ledger.accounts.models import Account
from ledger.cameos import vault_files
from ledger.cameos.models import Cameo, Capture, Enrolment, Terms
from ledger.consent import gates
from ledger.consent.models import Use
from ledger.db import lock, use
from ledger.log import actions as log
from provenance.renders import actions, attempts, files, permits, rules
from provenance.renders.models import Attempt, Render
from rights.licences import actions as licences
from rights.licences.models import Licence
from rights.settlement.models import PayeeAccount
from tests.factories import media

_numbers = itertools.count(1)
WORKER_KEY = Ed25519PrivateKey.generate()

WISH = rules.Wish(
    prompt="A quiet harbour at dawn",
    title="Harbour",
    cast=(),
    drop=(),
    purpose="personal",
    seconds=Decimal("1"),
    width_px=480,
    height_px=270,
    parent_id=None,
    seed=7,
)


def person(handle: str | None = None, **fields: Any) -> Account:
    """Return somebody who can sign in."""
    name = handle or f"person_{next(_numbers)}"
    return Account.objects.create_user(
        email=f"{name}@example.org", password=None, handle=name, **fields
    )


def cameo(
    owner: Account,
    *,
    audience: str = "everyone",
    recording: bytes | None = None,
    preferences: dict[str, Any] | None = None,
    **terms: Any,
) -> Cameo:
    """Return an active cameo with terms and a capture in the vault."""
    at = timezone.now()
    row = Cameo.objects.create(
        owner=owner, audience=audience, preferences=preferences or {}, created_at=at
    )
    given = {"purposes": ["personal"], "version": 1, "created_at": at, **terms}
    row.terms = Terms.objects.create(cameo=row, **given)
    row.state = Cameo.State.ACTIVE
    row.save(update_fields=["terms", "state"])
    with transaction.atomic():
        log.stage(type="test.cameo-enrolled", at=at, subject_id=owner.id, rows=[row, row.terms])
    _capture(row, recording or f"capture of {row.id}".encode(), at=at)
    return row


def _capture(row: Cameo, recording: bytes, *, at: datetime) -> Capture:
    enrolment = Enrolment.objects.create(
        account=row.owner,
        cameo=row,
        state=Enrolment.State.VERIFIED,
        challenge={},
        expires_at=at + timedelta(minutes=5),
        attempted_at=at,
        decided_at=at,
        created_at=at,
    )
    capture_id = uuid.uuid4()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "clear"
        source.write_bytes(recording)
        path = vault_files.keep(cameo_id=row.id, capture_id=capture_id, source=source)
    return Capture.objects.create(
        id=capture_id,
        enrolment=enrolment,
        cameo=row,
        path=path,
        format="mp4",
        sha256=hashlib.sha256(recording).digest(),
        fingerprint=b"f",
        size_bytes=len(recording),
        seconds=2,
        width_px=320,
        height_px=240,
        fps=25,
        has_voice=True,
        portrait_starts_s=0,
        portrait_ends_s=2,
        created_at=at,
    )


def requested(
    requester: Account, *cast: Cameo, at: datetime | None = None, **changes: Any
) -> Render:
    """Return a render right after its request, whatever came of it."""
    wish = replace(WISH, cast=tuple(one.id for one in cast), **changes)
    asked = actions.request(
        render_id=uuid.uuid4(), requester=requester, wish=wish, at=at or timezone.now()
    )
    return Render.objects.select_related("use").get(pk=asked.render_id)


def dispatched(render: Render, *, at: datetime | None = None) -> Attempt:
    """Return the first, or next, attempt at a render."""
    attempt = attempts.dispatch(render_id=render.pk, at=at or timezone.now())
    assert attempt is not None
    return attempt


def claims(attempt: Attempt) -> PermitClaims:
    """Return what the attempt's own permit says."""
    return permits.read(attempts.message_for(attempt).permit)


def redeemed(attempt: Attempt, *, at: datetime | None = None) -> Redemption:
    """Redeem the attempt's permit: its render is `rendering` from here on."""
    return attempts.redeem(claims=claims(attempt), at=at or timezone.now())


def rendering(requester: Account, *cast: Cameo, **changes: Any) -> tuple[Attempt, Redemption]:
    """Return an attempt that a worker is at, and the secrets that it was given."""
    attempt = dispatched(requested(requester, *cast, **changes))
    return attempt, redeemed(attempt)


def sealing(requester: Account, *cast: Cameo, **changes: Any) -> Render:
    """Return a render whose worker has handed in a good file."""
    attempt, secrets = rendering(requester, *cast, **changes)
    hand_in(attempt, secrets)
    return Render.objects.select_related("use").get(pk=attempt.render_id)


def hand_in(
    attempt: Attempt,
    secrets: Redemption,
    *,
    source: Path | None = None,
    receipt_says: dict[str, Any] | None = None,
) -> None:
    """Hand a file in as the worker's door does; by default the one that the job asks for."""
    name = files.output_name(render_id=attempt.render_id, attempt_id=attempt.id)
    with tempfile.TemporaryDirectory() as folder:
        made = source or marked(Path(folder) / "made.mp4", attempt, secrets)
        copy = Path(folder) / "copy.mp4"
        shutil.copy(made, copy)
        token = receipt(attempt, copy, **(receipt_says or {}))
        target = files.path_of(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(copy, target)
    attempts.accept_output(claims=claims(attempt), token=token, at=timezone.now())


def receipt(attempt: Attempt, path: Path, **says: Any) -> str:
    """Return a receipt for a file, signed by a worker that is registered here."""
    register_worker()
    job = jobs.from_plain(attempt.job)
    given: dict[str, Any] = {
        "render_id": attempt.render_id,
        "attempt_id": attempt.id,
        "job_sha256": jobs.sha256(job),
        "output_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "output_size_bytes": path.stat().st_size,
        "backend": "studio",
        "backend_version": "1",
        "model": "none",
        "weights_sha256": "",
        "device": "cpu",
        "encoder": "libx264",
        "frames": job.frames,
        "fps": job.fps,
        "width_px": job.width_px,
        "height_px": job.height_px,
        "has_audio": True,
        "seconds_taken": 1.0,
        "preferences_applied": (),
        "marks": ("visible", "invisible"),
        "at": datetime.now(UTC).replace(microsecond=0),
        **says,
    }
    return receipts.sign(
        receipts.Receipt(**given), WORKER_KEY, keys.key_id(WORKER_KEY.public_key())
    )


def register_worker() -> None:
    """Put the test worker's public key where the service looks for those that it trusts."""
    settings.WORKER_PUBLIC_KEYS_DIR.mkdir(parents=True, exist_ok=True)
    path = settings.WORKER_PUBLIC_KEYS_DIR / "test.pem"
    path.write_bytes(keys.to_pem(WORKER_KEY.public_key()))


def marked(
    path: Path,
    attempt: Attempt,
    secrets: Redemption,
    *,
    visible: bool = True,
    invisible: bool = True,
    **job_changes: Any,
) -> Path:
    """Write the video that a job asks for, through the worker's own marks. Returns `path`."""
    job = replace(jobs.from_plain(attempt.job), **job_changes)
    badge = VisibleMark(
        text=job.mark_text, width_px=job.width_px, height_px=job.height_px, fps=job.fps
    )
    pattern = InvisibleMark(
        key=secrets.mark_key,
        payload=int.from_bytes(secrets.mark_payload, "big"),
        width_px=job.width_px,
        height_px=job.height_px,
    )
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=job.fps, options={"crf": "20", "preset": "veryfast"}
        )
        stream.width, stream.height, stream.pix_fmt = job.width_px, job.height_px, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        for index in range(job.frames):
            picture = media.frame(
                index, width_px=job.width_px, height_px=job.height_px, seed=job.seed
            )
            if visible:
                badge.draw(picture, index)
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            if invisible:
                pattern.embed(planes[: job.height_px], index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
        for frame in _tone(job.seconds):
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def _tone(seconds: float) -> Iterator[av.AudioFrame]:
    samples = np.sin(np.arange(round(seconds * 48_000)) * 0.05).astype(np.float32) * 0.1
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(
            samples[None, start : start + 1024], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        yield frame


def withdraw(render: Render) -> None:
    """Withdraw a released render as consent does: the gate's own end, observers told."""
    with transaction.atomic():
        lock(exclusive=[use(UUID(str(render.pk)))])
        gates.finish(
            Use.objects.get(pk=render.pk), state="withdrawn", code="test", at=timezone.now()
        )


def sealing_row(requester: Account, *cast: Cameo) -> Render:
    """Return a render whose worker has handed in something: no video, for tests of rows alone."""
    attempt, secrets = rendering(requester, *cast)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bytes"
        path.write_bytes(b"not a video")
        hand_in(attempt, secrets, source=path)
    return Render.objects.select_related("use").get(pk=attempt.render_id)


def payable(owner: Account) -> None:
    """Give an owner an active payout account."""
    PayeeAccount.objects.create(
        account=owner,
        country="US",
        stripe_id=f"acct_{owner.id.hex[:12]}",
        state_at=timezone.now(),
        state="active",
        created_at=timezone.now(),
    )


def pay(render: Render) -> None:
    """Have the fee of a render authorised, as its buyer's bank does."""
    at = timezone.now()
    with transaction.atomic():
        licence = licences.lock(licence_id=Licence.objects.get(use_id=render.pk).id)
        licences.begin_authorisation(licence, at=at)
        licences.authorised(
            licence,
            payment_intent="pi_test",
            charge="ch_test",
            capture_before=at + timedelta(days=6),
            at=at,
        )


def deny(render: Render) -> None:
    """End a render's use as denied, as a recheck after a tightening does."""
    with transaction.atomic():
        lock(exclusive=[use(UUID(str(render.pk)))])
        gates.finish(Use.objects.get(pk=render.pk), state="denied", code="test", at=timezone.now())


def released_row(requester: Account, *cast: Cameo, body: bytes) -> Render:
    """Return a released render whose sealed file is `body`: for tests of the door alone."""
    return row_in(rules.State.RELEASED, requester, *cast, body=body)


def row_in(state: rules.State, requester: Account, *cast: Cameo, body: bytes) -> Render:
    """Return a render that came to `state` with a sealed file of these bytes. The seal is left out."""
    render = sealing_row(requester, *cast)
    sha256 = hashlib.sha256(body).digest()
    name = files.sealed_name(render_id=render.pk, sha256=sha256)
    path = files.path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    Render.objects.filter(pk=render.pk).update(
        state=state, sealed_path=name, sealed_sha256=sha256, sealed_size_bytes=len(body)
    )
    if state == rules.State.RELEASED:
        Use.objects.filter(pk=render.pk).update(state=Use.State.RELEASED)
    return Render.objects.select_related("use").get(pk=render.pk)
