"""One attempt at one render, from permit to receipt. It runs in a process of its own."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gpu_worker import chain, identity
from gpu_worker.backends import registry
from gpu_worker.beats import Beats, Progress
from gpu_worker.client import Service
from gpu_worker.contract import capture, job, keys, permit, receipt, redemption
from gpu_worker.contract.errors import ContractError, ParentUnreadable
from gpu_worker.plans import Backend, Clip, Person, Plan
from gpu_worker.settings import Settings
from gpu_worker.stops import Stop

logger = structlog.get_logger(__name__)

# Fractions of the whole at which each stage is behind.
FETCHED, PREPARED, RENDERED = 0.05, 0.2, 0.97


@dataclass(frozen=True)
class Order:
    """A job that its permit covers."""

    token: str
    job: job.Job
    claims: permit.PermitClaims


def verify(
    token: str, *, plain: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey], at: datetime
) -> Order:
    """Return the order in a message, or raise why there is none. Nothing is touched before this.

    Raises:
        JobMalformed: not a job.
        PermitError: each of the permit's refusals.
    """
    asked = job.from_plain(plain)
    return Order(token, asked, permit.verify(token, keys=keys, job=asked, at=at))


def deadline(order: Order, *, settings: Settings, at: datetime) -> datetime:
    """Return when the work must be handed in: when the permit runs out, or the worker's own limit."""
    latest: datetime = order.claims.expires_at
    return min(latest, at + timedelta(seconds=settings.job_seconds_max))


def carry_out(order: Order, *, settings: Settings, folder: Path, stop: Stop) -> str:
    """Redeem the permit, make the video and hand it in; return the output's SHA-256.

    Captures and secrets stay in this process's memory, which ends with it. `folder` gets the output.

    Raises:
        PermitRedeemed: another delivery of the message was quicker. Nobody is told: it is no failure.
        ContractError: every other end. After the redemption the service has been told.
    """
    began = time.monotonic()
    backend = registry.load(order.job.backend)
    registry.require_able(backend, job=order.job)
    with ExitStack() as stack:
        service = _service(order, settings, stack, check=stop.check)
        secrets = redemption.from_plain(service.redeem(), job=order.job)
        logger.info("worker.redeemed", render_id=str(order.job.render_id))
        progress = Progress()
        beating = Service(settings.service_url, render_id=order.job.render_id, permit=order.token)
        stack.enter_context(Beats(beating, progress, stop=stop, period_s=settings.beat_period_s))
        plan = _plan(order, secrets=secrets, service=service, progress=progress)
        clip = _clip(backend, plan=plan, progress=progress, stop=stop)
        made = chain.make(
            clip, plan=plan, mark_text=order.job.mark_text, secrets=secrets,
            path=folder / "output.mp4", encoder=settings.encoder,
            audio=backend.capabilities().audio, stop=stop,
            on_step=lambda stage, fraction: progress.step(
                stage, PREPARED + (RENDERED - PREPARED) * fraction
            ),
        )  # fmt: skip
        progress.step("uploading", RENDERED)
        signed = _receipt(
            order, backend=backend, clip=clip, made=made, settings=settings,
            seconds_taken=time.monotonic() - began,
        )  # fmt: skip
        service.upload(made.path, receipt=signed)
        progress.step("uploaded", 1.0)
        return made.sha256


def report_failure(order: Order, error: ContractError, *, settings: Settings) -> None:
    """Tell the service why this attempt ends. It finds out by itself where it cannot be told."""
    with ExitStack() as stack:
        try:
            _service(order, settings, stack).fail(error)
        except ContractError as exc:
            logger.warning(
                "worker.failure_untold", render_id=str(order.job.render_id), code=exc.code
            )


def _service(order: Order, settings: Settings, stack: ExitStack, **options: Any) -> Service:
    service = Service(
        settings.service_url, render_id=order.job.render_id, permit=order.token, **options
    )
    stack.callback(service.close)
    return service


def _plan(
    order: Order, *, secrets: redemption.Redemption, service: Service, progress: Progress
) -> Plan:
    progress.step("fetching", 0.0)
    asked = order.job
    cast = tuple(
        Person(
            cameo_ref=member.cameo_ref,
            name=member.name,
            preferences=member.preferences,
            capture=None
            if member.in_parent
            else service.capture(
                member.cameo_ref,
                key=secrets.capture_keys[member.cameo_ref],
                context=capture.context(
                    render_id=asked.render_id,
                    attempt_id=asked.attempt_id,
                    cameo_ref=member.cameo_ref,
                ),
            ),
        )
        for member in asked.cast
    )
    parent = _parent(service, sha256=asked.parent_sha256) if asked.parent_sha256 else None
    progress.step("preparing", FETCHED)
    return Plan(
        prompt=asked.prompt, title=asked.title, frames=asked.frames, fps=asked.fps,
        width_px=asked.width_px, height_px=asked.height_px, seed=asked.seed, cast=cast,
        parent=parent,
    )  # fmt: skip


def _parent(service: Service, *, sha256: str) -> bytes:
    buffer = io.BytesIO()
    service.parent(into=buffer)
    data = buffer.getvalue()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ParentUnreadable(at="sha256")
    return data


def _clip(backend: Backend, *, plan: Plan, progress: Progress, stop: Stop) -> Clip:
    clip = backend.render(
        plan,
        lambda stage, fraction: progress.step(stage, FETCHED + (PREPARED - FETCHED) * fraction),
        stop.wanted,
    )
    stop.check()
    return clip


def _receipt(
    order: Order, *, backend: Backend, clip: Clip, made: chain.Made, settings: Settings,
    seconds_taken: float,
) -> str:  # fmt: skip
    key = identity.load(settings.key_file)
    metadata = backend.metadata
    return receipt.sign(
        receipt.Receipt(
            render_id=order.job.render_id,
            attempt_id=order.job.attempt_id,
            job_sha256=order.claims.job_sha256,
            output_sha256=made.sha256,
            output_size_bytes=made.size_bytes,
            backend=metadata.name,
            backend_version=metadata.version,
            model=metadata.model,
            weights_sha256=metadata.weights_sha256,
            device=clip.device,
            encoder=settings.encoder,
            frames=made.frames,
            fps=order.job.fps,
            width_px=order.job.width_px,
            height_px=order.job.height_px,
            has_audio=made.has_audio,
            seconds_taken=round(seconds_taken, 3),
            preferences_applied=clip.preferences_applied,
            marks=chain.MARKS,
            at=datetime.now(UTC).replace(microsecond=0),
        ),
        key,
        keys.key_id(key.public_key()),
    )
