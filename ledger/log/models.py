"""Rows of the log. Nobody changes them: entries, records, checkpoints and cosignatures are insert-only."""

from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

models.BinaryField.register_lookup(Length)

INSERT_ONLY = pgtrigger.Update | pgtrigger.Delete


class StagedEntry(models.Model):
    """An entry whose fact is committed and which has no place in the log yet.

    Only the sequencer deletes it, in the transaction that makes it an `Entry`.
    """

    sequence = models.BigAutoField(primary_key=True)  # A hint of order; it may have gaps.
    entry_id = models.UUIDField()
    data = models.BinaryField()
    staged_at = models.DateTimeField()

    class Meta:
        verbose_name = "staged entry"
        verbose_name_plural = "staged entries"
        constraints = (
            models.UniqueConstraint(name="staged_entry_is_once", fields=("entry_id",)),
            models.CheckConstraint(
                name="staged_entry_fits_a_bundle", condition=Q(data__length__range=(1, 65_535))
            ),
        )
        triggers = (
            pgtrigger.Protect(name="staged_entries_never_change", operation=pgtrigger.Update),
            pgtrigger.Trigger(
                name="only_the_sequencer_takes_staged",
                operation=pgtrigger.Delete,
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                func=(
                    "IF current_setting('countersign.sequencing', true) IS DISTINCT FROM 'on' THEN "
                    "RAISE EXCEPTION 'only the sequencer takes staged entries'; "
                    "END IF; RETURN NULL;"
                ),
            ),
        )


class Entry(models.Model):
    """One leaf of the log: its place, its bytes, and `SHA256(0x00 || data)`. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    leaf_index = models.BigIntegerField()
    data = models.BinaryField()
    leaf_hash = models.BinaryField()

    class Meta:
        verbose_name = "log entry"
        verbose_name_plural = "log entries"
        constraints = (
            models.UniqueConstraint(name="entry_has_its_own_place", fields=("leaf_index",)),
            models.CheckConstraint(
                name="entry_place_is_not_negative", condition=Q(leaf_index__gte=0)
            ),
        )
        triggers = (pgtrigger.Protect(name="entries_are_insert_only", operation=INSERT_ONLY),)


class Record(models.Model):
    """What an entry commits to, encrypted under its subject's key. Insert-only.

    `ciphertext` holds the 32-byte salt and then the canonical record. It is written with the staged
    entry, so it may be older than its `Entry`: no foreign key.
    """

    entry_id = models.UUIDField(primary_key=True)
    subject_id = models.UUIDField(null=True)  # NULL: about nobody, under the service's key.
    row_ids = ArrayField(models.UUIDField(), default=list)  # The rows it holds snapshots of.
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=("subject_id", "created_at"), name="record_by_subject"),
            models.Index(fields=("created_at",), name="record_by_time"),
            GinIndex(fields=("row_ids",), name="record_by_row"),
        )
        triggers = (pgtrigger.Protect(name="records_are_insert_only", operation=INSERT_ONLY),)


class Tile(models.Model):
    """At most 256 hashes of one level. It only grows at its end, until it is full."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="tile_is_once", fields=("level", "index")),
            models.CheckConstraint(
                name="tile_holds_up_to_256_hashes", condition=Q(data__length__range=(32, 8192))
            ),
        )
        triggers = (
            pgtrigger.Protect(name="tiles_are_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="tiles_only_grow",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "NEW.level <> OLD.level OR NEW.index <> OLD.index OR "
                    "substring(NEW.data FROM 1 FOR length(OLD.data)) <> OLD.data"
                ),
            ),
        )


class Checkpoint(models.Model):
    """A tree size and its root, signed by the log. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tree_size = models.BigIntegerField()
    root_hash = models.BinaryField()
    note = models.BinaryField()  # The signed note, without cosignatures.
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="checkpoint_is_once_per_size", fields=("tree_size",)),
        )
        triggers = (pgtrigger.Protect(name="checkpoints_are_insert_only", operation=INSERT_ONLY),)


class Cosignature(models.Model):
    """A witness's signature line for one checkpoint. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    checkpoint = models.ForeignKey("ledger.Checkpoint", models.PROTECT, related_name="cosignatures")
    witness = models.TextField()  # The witness's key name.
    line = models.TextField()  # As it stands in the note, with its newline.
    signed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="cosignature_once_per_witness", fields=("checkpoint", "witness")
            ),
        )
        triggers = (pgtrigger.Protect(name="cosignatures_are_insert_only", operation=INSERT_ONLY),)


class Publication(models.Model):
    """A checkpoint that outsiders can see: its note with the cosignatures it had then. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    checkpoint = models.OneToOneField(
        "ledger.Checkpoint", models.PROTECT, related_name="publication"
    )
    note = models.BinaryField()
    published_at = models.DateTimeField()

    class Meta:
        triggers = (pgtrigger.Protect(name="publications_are_insert_only", operation=INSERT_ONLY),)
