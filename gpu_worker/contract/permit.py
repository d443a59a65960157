"""The permit: the service's signed word that one attempt at one render may be made.

A worker that verified a permit knows which job, for whom and until when; it still has to redeem it,
which the service allows once. Exact bytes: docs/spec/permit.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gpu_worker.contract import job as jobs
from gpu_worker.contract import jws, reading
from gpu_worker.contract.errors import (
    PermitExpired,
    PermitJobMismatch,
    PermitKeyUnknown,
    PermitMalformed,
    PermitNotYetValid,
    PermitSignature,
    PermitTooLarge,
    PermitTooLong,
)

KIND = "countersign-permit+jwt"
AUDIENCE = "gpu_worker"
LIFE_MAX = timedelta(hours=24)
SIZE_BYTES_MAX = 8_000  # It travels in one header of an HTTP request.

_NAMES = ("aud", "render", "jti", "cast", "job", "seconds_max", "pixels_max", "nbf", "exp")


@dataclass(frozen=True)
class CastEpoch:
    """One member of the cast, and the cameo's epoch that the decision was made under."""

    cameo_ref: str
    epoch: int


@dataclass(frozen=True)
class PermitClaims:
    """What is permitted. The attempt is the permit's own id: one attempt, one permit, one use.

    `pixels_max` is the area of one frame. Times are whole seconds, UTC; `not_before_at` is included,
    `expires_at` is not.
    """

    render_id: UUID
    attempt_id: UUID
    cast: tuple[CastEpoch, ...]
    job_sha256: str
    seconds_max: float
    pixels_max: int
    not_before_at: datetime
    expires_at: datetime


def for_job(
    job: jobs.Job,
    *,
    not_before_at: datetime,
    expires_at: datetime,
    seconds_max: float | None = None,
    pixels_max: int | None = None,
) -> PermitClaims:
    """Return the claims that permit exactly this job, or up to the bounds given."""
    return PermitClaims(
        render_id=job.render_id,
        attempt_id=job.attempt_id,
        cast=_epochs(job),
        job_sha256=jobs.sha256(job),
        seconds_max=job.seconds if seconds_max is None else seconds_max,
        pixels_max=job.width_px * job.height_px if pixels_max is None else pixels_max,
        not_before_at=not_before_at.replace(microsecond=0),
        expires_at=expires_at.replace(microsecond=0),
    )


def sign(claims: PermitClaims, key: Ed25519PrivateKey, kid: str) -> str:
    """Return the permit as a compact JWS."""
    payload = {
        "aud": AUDIENCE,
        "render": str(claims.render_id),
        "jti": str(claims.attempt_id),
        "cast": [{"ref": one.cameo_ref, "epoch": one.epoch} for one in claims.cast],
        "job": claims.job_sha256,
        "seconds_max": claims.seconds_max,
        "pixels_max": claims.pixels_max,
        "nbf": int(claims.not_before_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    return jws.sign(payload, key=key, kid=kid, kind=KIND)


def verify(
    token: str, *, keys: Mapping[str, Ed25519PublicKey], job: jobs.Job, at: datetime
) -> PermitClaims:
    """Return the claims of a permit for this job. The worker calls it before it touches anything.

    Raises:
        PermitMalformed, PermitKeyUnknown, PermitSignature: see `read`.
        PermitNotYetValid, PermitExpired: not now.
        PermitJobMismatch: another job, render, attempt or cast.
        PermitTooLong, PermitTooLarge: the job asks for more than was permitted.
    """
    claims = read(token, keys=keys)
    require_valid(claims, at=at)
    if claims.job_sha256 != jobs.sha256(job):
        raise PermitJobMismatch(render_id=job.render_id)
    if (claims.render_id, claims.attempt_id) != (job.render_id, job.attempt_id):
        raise PermitJobMismatch(render_id=job.render_id)
    if claims.cast != _epochs(job):
        raise PermitJobMismatch(render_id=job.render_id)
    if job.seconds > claims.seconds_max:
        raise PermitTooLong(seconds=job.seconds, seconds_max=claims.seconds_max)
    if job.width_px * job.height_px > claims.pixels_max:
        raise PermitTooLarge(pixels=job.width_px * job.height_px, pixels_max=claims.pixels_max)
    return claims


def read(token: str, *, keys: Mapping[str, Ed25519PublicKey]) -> PermitClaims:
    """Return the claims of a permit that one of `keys` signed, whatever the time.

    The service calls it on a worker's bearer token, and asks its own rows about time and use.

    Raises:
        PermitMalformed: too long, another kind of token, another algorithm, wrong members.
        PermitKeyUnknown: signed with a key that is not given.
        PermitSignature: anything was changed.
    """
    try:
        payload = jws.verify(token, keys=keys, kind=KIND, size_max=SIZE_BYTES_MAX)
    except jws.KeyUnknown as exc:
        raise PermitKeyUnknown from exc
    except jws.SignatureWrong as exc:
        raise PermitSignature from exc
    except jws.Malformed as exc:
        raise PermitMalformed(what=str(exc)) from exc
    try:
        return _claims(payload)
    except (ValueError, TypeError, OverflowError) as exc:
        raise PermitMalformed(what="claims") from exc


def require_valid(claims: PermitClaims, *, at: datetime) -> None:
    """Return if the permit's time is now.

    Raises:
        PermitNotYetValid, PermitExpired: it is not. No leeway: clocks are kept by NTP.
    """
    if at < claims.not_before_at:
        raise PermitNotYetValid(not_before_at=claims.not_before_at.isoformat())
    if at >= claims.expires_at:
        raise PermitExpired(expires_at=claims.expires_at.isoformat())


def _claims(payload: Any) -> PermitClaims:
    row = reading.record(payload, names=_NAMES)
    if row["aud"] != AUDIENCE:
        raise ValueError("aud")
    claims = PermitClaims(
        render_id=_identity(row["render"]),
        attempt_id=_identity(row["jti"]),
        cast=tuple(_epoch(one) for one in reading.items(row["cast"], count_max=jobs.CAST_MAX)),
        job_sha256=reading.text(row["job"], length_max=64, pattern=reading.SHA256),
        seconds_max=reading.number(row["seconds_max"], low=0, high=jobs.SECONDS_MAX),
        pixels_max=reading.integer(row["pixels_max"], low=1, high=jobs.SIDE_PX_MAX**2),
        not_before_at=_moment(row["nbf"]),
        expires_at=_moment(row["exp"]),
    )
    if not timedelta() < claims.expires_at - claims.not_before_at <= LIFE_MAX:
        raise ValueError("exp")
    return claims


def _epochs(job: jobs.Job) -> tuple[CastEpoch, ...]:
    return tuple(CastEpoch(member.cameo_ref, member.epoch) for member in job.cast)


def _epoch(value: Any) -> CastEpoch:
    row = reading.record(value, names=("ref", "epoch"))
    return CastEpoch(
        reading.text(row["ref"], length_max=64, pattern=jobs.REFERENCE),
        reading.integer(row["epoch"], low=0, high=reading.INTEGER_MAX),
    )


def _identity(value: Any) -> UUID:
    return UUID(reading.text(value, length_max=36, pattern=reading.IDENTITY))


def _moment(value: Any) -> datetime:
    return datetime.fromtimestamp(reading.integer(value, low=0, high=2**40), tz=UTC)
