"""System checks of what proves a render: production never seals, permits or marks with a stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from ledger.errors import CountersignError
from provenance.marks import keys as mark_keys
from provenance.renders import permits
from provenance.renders.errors import PermitKeyMissing
from provenance.seals import signers
from provenance.seals.errors import CertificateForDevelopment, SealUnavailable


def check(**_: Any) -> list[checks.CheckMessage]:
    """Return what keeps these certificates and keys from production."""
    return [*_of_seals(), *_of_keys()] if settings.IS_PRODUCTION else []


def _of_seals() -> Iterator[checks.CheckMessage]:
    """A certificate that ran out is a warning: delivery and withdrawals must still start."""
    try:
        signers.from_settings()
    except CertificateForDevelopment:
        yield checks.Error(
            "The seals' certificate is the development authority's.",
            hint="Put the conforming certificate's chain.pem, leaf.key and trust.pem into C2PA_KEYS_DIR.",
            id="provenance.E001",
        )
    except SealUnavailable as exc:
        missing = exc.members.get("missing")
        yield checks.Error(
            f"Nothing can be sealed: {missing} is missing.",
            hint="Set TSA_URL to a public time-stamp authority."
            if missing == "TSA_URL"
            else "Put chain.pem, leaf.key and trust.pem into C2PA_KEYS_DIR.",
            id="provenance.E002" if missing == "TSA_URL" else "provenance.E003",
        )
    except CountersignError as exc:
        yield checks.Warning(
            f"Nothing can be sealed: {exc}.",
            hint="See docs/runbooks/certificates.md.",
            id="provenance.W001",
        )


def _of_keys() -> Iterator[checks.CheckMessage]:
    try:
        permits.public_keys()
    except (PermitKeyMissing, ValueError):
        yield checks.Error(
            "KEYS_DIR/permit.key is missing, or no Ed25519 key.",
            hint="Put the permits' private key there as PEM, mode 0600.",
            id="provenance.E004",
        )
    try:
        mark_keys.every()
    except ImproperlyConfigured as exc:
        yield checks.Error(
            f"{exc}.",
            hint="Put the mark keys into MARK_KEYS_DIR: docs/spec/marks.md.",
            id="provenance.E005",
        )
