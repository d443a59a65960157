"""Reads of seals."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from provenance.seals.models import CertificateRecord, Seal

SEALS_MAX = 200


def of_use(use_id: UUID) -> Seal | None:
    """Return the newest seal of a use, with its certificate. One query."""
    return (
        Seal.objects.filter(use_id=use_id)
        .select_related("certificate")
        .order_by("-created_at", "id")
        .first()
    )


def by_file(sha256: bytes) -> Seal | None:
    """Return the seal of the file with that SHA-256. One query."""
    return Seal.objects.filter(sha256=sha256).select_related("certificate").first()


def by_manifest(manifest_label: str) -> Seal | None:
    """Return the seal whose manifest has that label. One query."""
    return Seal.objects.filter(manifest_label=manifest_label).select_related("certificate").first()


def certificates_of(use_ids: list[UUID]) -> list[CertificateRecord]:
    """Return the certificates that sealed these uses, oldest first, for an audit bundle. One query."""
    return list(
        CertificateRecord.objects.filter(seals__use_id__in=use_ids[:SEALS_MAX])
        .distinct()
        .order_by("created_at", "id")
    )


def expiring_before(at: datetime) -> list[CertificateRecord]:
    """Return recorded certificates that end before `at`, for the renewal alarm. One query."""
    return list(CertificateRecord.objects.filter(ends_at__lt=at).order_by("ends_at")[:SEALS_MAX])
