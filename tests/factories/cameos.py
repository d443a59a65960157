"""Cameos, enrolments and captures for tests, made as rows; and drawn recordings, made once."""

from __future__ import annotations

import functools
import random
import secrets
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.accounts.models import Account
from ledger.cameos import challenge as challenges
from ledger.cameos import decoder, fingerprint
from ledger.cameos.challenge import Challenge
from ledger.cameos.checks import Measured
from ledger.cameos.models import Cameo, Capture, DestructionCertificate, Enrolment, Terms
from script.story.people import film
from tests.factories import accounts

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def cameo(
    owner: Account | None = None, *, terms: dict[str, Any] | None = None, **fields: Any
) -> Cameo:
    """Return a saved cameo, active with a first terms version unless told."""
    made = Cameo.objects.create(
        owner=owner or accounts.account(), state=Cameo.State.DRAFT, created_at=NOON
    )
    defaults = {"state": Cameo.State.ACTIVE, "verified_at": NOON}
    made.terms = terms_of(made, **(terms or {}))
    for name, value in (defaults | fields).items():
        setattr(made, name, value)
    made.save()
    return made


def terms_of(made: Cameo, **fields: Any) -> Terms:
    """Return a saved terms version of a cameo, the next one."""
    version = Terms.objects.filter(cameo=made).count() + 1
    defaults = {"purposes": ["personal"], "version": version, "created_at": NOON}
    return Terms.objects.create(cameo=made, **(defaults | fields))


def enrolment(made: Cameo | None = None, **fields: Any) -> Enrolment:
    """Return a saved enrolment, just started unless told."""
    made = made or cameo(state=Cameo.State.DRAFT)
    defaults = {
        "account": made.owner,
        "challenge": challenge().as_json(),
        "created_at": NOON,
        "expires_at": NOON + timedelta(minutes=5),
    }
    return Enrolment.objects.create(cameo=made, **(defaults | fields))


def verified(made: Cameo | None = None) -> Enrolment:
    """Return a saved enrolment that was verified at noon."""
    return enrolment(made, state="verified", attempted_at=NOON, decided_at=NOON)


def capture(of: Enrolment | None = None, **fields: Any) -> Capture:
    """Return a saved capture row; no file lies behind it."""
    of = of or verified()
    defaults = {
        "path": f"captures/{secrets.token_hex(16)}.csf",
        "format": "mp4",
        "sha256": secrets.token_bytes(32),
        "fingerprint": secrets.token_bytes(fingerprint.SIZE_BYTES),
        "size_bytes": 1_000,
        "seconds": 12.0,
        "width_px": 960,
        "height_px": 720,
        "fps": 25.0,
        "has_voice": True,
        "portrait_starts_s": 8.0,
        "portrait_ends_s": 11.5,
        "created_at": NOON,
    }
    return Capture.objects.create(enrolment=of, cameo=of.cameo, **(defaults | fields))


def challenge(seed: int = 1) -> Challenge:
    """Return the challenge of a seed."""
    return challenges.draw(random.Random(seed))


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="countersign-people-")


@functools.cache
def recording(person: str = "ada", seed: int = 1) -> Path:
    """Return the recording in which a drawn person does what the seed's challenge asks."""
    path = Path(_folder().name) / f"{person}-{seed}.mp4"
    film(person, challenge(seed).as_json(), path)
    return path


def certificate(**fields: Any) -> DestructionCertificate:
    """Return the saved certificate of a purged cameo."""
    defaults = {
        "cause": "asked",
        "captures_sha256": [],
        "entry_id": uuid.uuid4(),
        "destroyed_at": NOON,
    }
    return DestructionCertificate.objects.create(
        cameo=cameo(state=Cameo.State.PURGED), **(defaults | fields)
    )


@functools.cache
def measured() -> Measured:
    """Return what the decoder finds in the recording of Ada and seed 1."""
    return decoder.measure(recording(), "mp4")
