"""The receipt: a worker's signed word on what it made, from what, with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gpu_worker.contract import jws, reading
from gpu_worker.contract.errors import ReceiptKeyUnknown, ReceiptMalformed, ReceiptSignature

KIND = "countersign-receipt+jwt"
SIZE_BYTES_MAX = 8_000  # It travels in one header of an HTTP request.
OUTPUT_SIZE_BYTES_MAX = 4 * 1024**3
PREFERENCES_MAX = 64


@dataclass(frozen=True)
class Receipt:
    """What was made.

    `weights_sha256` is empty for a backend without weights. `seconds_taken` is wall time.
    `preferences_applied` names, as `cameo_ref:preference`, each preference the backend acted on.
    `marks` names the marks that the chain put in. `at` is in whole seconds, UTC.
    """

    render_id: UUID
    attempt_id: UUID
    job_sha256: str
    output_sha256: str
    output_size_bytes: int
    backend: str
    backend_version: str
    model: str
    weights_sha256: str
    device: str
    encoder: str
    frames: int
    fps: int
    width_px: int
    height_px: int
    has_audio: bool
    seconds_taken: float
    preferences_applied: tuple[str, ...]
    marks: tuple[str, ...]
    at: datetime


def sign(receipt: Receipt, key: Ed25519PrivateKey, kid: str) -> str:
    """Return the receipt as a compact JWS."""
    payload = {
        **asdict(receipt),
        "v": 1,
        "render_id": str(receipt.render_id),
        "attempt_id": str(receipt.attempt_id),
        "preferences_applied": list(receipt.preferences_applied),
        "marks": list(receipt.marks),
        "at": int(receipt.at.timestamp()),
    }
    return jws.sign(payload, key=key, kid=kid, kind=KIND)


def verify(token: str, *, keys: Mapping[str, Ed25519PublicKey]) -> Receipt:
    """Return the receipt that one of the workers' keys signed.

    Raises:
        ReceiptMalformed: too long, another kind of token, wrong members.
        ReceiptKeyUnknown: signed with a key that is not given.
        ReceiptSignature: anything was changed.
    """
    try:
        payload = jws.verify(token, keys=keys, kind=KIND, size_max=SIZE_BYTES_MAX)
    except jws.KeyUnknown as exc:
        raise ReceiptKeyUnknown from exc
    except jws.SignatureWrong as exc:
        raise ReceiptSignature from exc
    except jws.Malformed as exc:
        raise ReceiptMalformed(what=str(exc)) from exc
    try:
        return _receipt(payload)
    except (ValueError, TypeError, OverflowError) as exc:
        raise ReceiptMalformed(what="members") from exc


def _receipt(payload: Any) -> Receipt:
    row = reading.record(payload, names=("v", *Receipt.__dataclass_fields__))
    reading.integer(row["v"], low=1, high=1)
    has_audio = row["has_audio"]
    if not isinstance(has_audio, bool):
        raise TypeError("has_audio")
    weights = reading.text(row["weights_sha256"], length_max=64)
    if weights:
        reading.text(weights, length_max=64, pattern=reading.SHA256)
    return Receipt(
        render_id=_identity(row["render_id"]),
        attempt_id=_identity(row["attempt_id"]),
        job_sha256=reading.text(row["job_sha256"], length_max=64, pattern=reading.SHA256),
        output_sha256=reading.text(row["output_sha256"], length_max=64, pattern=reading.SHA256),
        output_size_bytes=reading.integer(
            row["output_size_bytes"], low=1, high=OUTPUT_SIZE_BYTES_MAX
        ),
        backend=reading.text(row["backend"], length_max=40),
        backend_version=reading.text(row["backend_version"], length_max=40),
        model=reading.text(row["model"], length_max=200),
        weights_sha256=weights,
        device=reading.text(row["device"], length_max=200),
        encoder=reading.text(row["encoder"], length_max=40),
        frames=reading.integer(row["frames"], low=1, high=1_000_000),
        fps=reading.integer(row["fps"], low=1, high=240),
        width_px=reading.integer(row["width_px"], low=1, high=16_384),
        height_px=reading.integer(row["height_px"], low=1, high=16_384),
        has_audio=has_audio,
        seconds_taken=reading.number(row["seconds_taken"], low=0, high=1_000_000),
        preferences_applied=_words(row["preferences_applied"]),
        marks=_words(row["marks"]),
        at=datetime.fromtimestamp(reading.integer(row["at"], low=0, high=2**40), tz=UTC),
    )


def _words(value: Any) -> tuple[str, ...]:
    rows = reading.items(value, count_max=PREFERENCES_MAX)
    return tuple(reading.text(row, length_max=120) for row in rows)


def _identity(value: Any) -> UUID:
    return UUID(reading.text(value, length_max=36, pattern=reading.IDENTITY))
