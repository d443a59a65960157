"""Which mark and which fingerprint belong to which use. Both insert-only."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q

from gpu_worker.contract import mark
from provenance.marks.fields import Bits256Field

INSERT_ONLY = pgtrigger.Update | pgtrigger.Delete


class MarkIndex(models.Model):
    """The id in the invisible mark of one use's video. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.OneToOneField("ledger.Use", models.PROTECT, related_name="mark")
    mark_id = models.BigIntegerField()  # 40 bits, drawn from the use's id and the key.
    key_version = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="mark_id_names_one_use", fields=("mark_id",)),
            models.CheckConstraint(
                name="mark_id_has_40_bits",
                condition=Q(mark_id__gte=0) & Q(mark_id__lt=1 << mark.ID_BITS),
            ),
        )
        triggers = (pgtrigger.Protect(name="marks_are_insert_only", operation=INSERT_ONLY),)

    def __str__(self) -> str:
        return f"{self.mark_id:010x}"


class Fingerprint(models.Model):
    """The fingerprint of one use's finished video. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.OneToOneField("ledger.Use", models.PROTECT, related_name="fingerprint")
    code = models.TextField()  # ISCC:..., as people write it.
    bits = Bits256Field()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="fingerprint_code_is_an_iscc", condition=Q(code__startswith="ISCC:")
            ),
        )
        triggers = (pgtrigger.Protect(name="fingerprints_are_insert_only", operation=INSERT_ONLY),)

    def __str__(self) -> str:
        return self.code
