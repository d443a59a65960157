"""Rows of seals: which certificates have signed, and each seal that was made and verified."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q

INSERT_ONLY = pgtrigger.Update | pgtrigger.Delete


class CertificateRecord(models.Model):
    """A certificate that signed at least one seal, with its chain. Insert-only, kept for ever."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    fingerprint_sha256 = models.BinaryField()
    serial = models.TextField()  # Decimal.
    chain_pem = models.TextField()  # Leaf first.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="certificate_is_recorded_once", fields=("fingerprint_sha256",)
            ),
            models.CheckConstraint(
                name="certificate_ends_after_it_starts",
                condition=Q(ends_at__gt=models.F("starts_at")),
            ),
        )
        triggers = (pgtrigger.Protect(name="certificates_are_insert_only", operation=INSERT_ONLY),)

    def __str__(self) -> str:
        return self.serial


class Seal(models.Model):
    """One file that was sealed, read again and found whole. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="seals")
    certificate = models.ForeignKey(
        "provenance.CertificateRecord", models.PROTECT, related_name="seals"
    )
    sha256 = models.BinaryField()  # Of the whole file: the engine leaves some boxes unhashed.
    size_bytes = models.BigIntegerField()
    manifest_label = models.TextField()
    manifest_sha256 = models.BinaryField()
    timestamped_at = models.DateTimeField(null=True)
    visible_mark = models.BooleanField()  # What was really found in this very file.
    invisible_mark = models.BooleanField()
    manifest = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="sealed_file_is_recorded_once", fields=("sha256",)),
            models.UniqueConstraint(name="manifest_label_is_used_once", fields=("manifest_label",)),
            models.CheckConstraint(
                name="seal_carries_all_three",
                condition=Q(visible_mark=True) & Q(invisible_mark=True) & Q(manifest=True),
            ),
            models.CheckConstraint(name="sealed_file_has_bytes", condition=Q(size_bytes__gt=0)),
        )
        indexes = (models.Index(fields=("manifest_sha256",), name="seal_by_manifest"),)
        triggers = (pgtrigger.Protect(name="seals_are_insert_only", operation=INSERT_ONLY),)

    def __str__(self) -> str:
        return self.manifest_label
