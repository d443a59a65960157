"""Admin pages of log: everything is read-only, and no record is opened here."""

from __future__ import annotations

from django.contrib import admin

from ledger.http.admin import ReadOnlyAdmin
from ledger.log.models import Checkpoint, Entry, Publication, Record, StagedEntry


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """Entries by their place; what they say is public."""

    list_display = ("leaf_index", "id", "said")
    fields = ("leaf_index", "id", "said")
    readonly_fields = ("said",)
    search_fields = ("id",)
    ordering = ("-leaf_index",)
    show_full_result_count = False

    @admin.display(description="entry")
    def said(self, entry: Entry) -> str:
        """Return the entry's text."""
        return bytes(entry.data).decode(errors="replace")


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    """Which entry is about whom. The record itself stays encrypted."""

    list_display = ("created_at", "entry_id", "subject_id")
    fields = ("created_at", "entry_id", "subject_id", "row_ids")
    search_fields = ("entry_id", "subject_id")
    ordering = ("-created_at",)
    show_full_result_count = False


@admin.register(StagedEntry)
class StagedEntryAdmin(ReadOnlyAdmin):
    """Entries without a place. More than a few for long: the sequencer is not running."""

    list_display = ("sequence", "entry_id", "staged_at")
    fields = ("sequence", "entry_id", "staged_at")
    ordering = ("sequence",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Signed trees."""

    list_display = ("tree_size", "created_at")
    fields = ("tree_size", "created_at", "text")
    readonly_fields = ("text",)
    ordering = ("-tree_size",)
    show_full_result_count = False

    @admin.display(description="note")
    def text(self, checkpoint: Checkpoint) -> str:
        """Return the signed note."""
        return bytes(checkpoint.note).decode(errors="replace")


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    """What outsiders were shown, with its cosignatures."""

    list_display = ("checkpoint_id", "published_at")
    fields = ("checkpoint", "published_at", "text")
    readonly_fields = ("text",)
    ordering = ("-published_at",)
    show_full_result_count = False

    @admin.display(description="note")
    def text(self, publication: Publication) -> str:
        """Return the note as it was published."""
        return bytes(publication.note).decode(errors="replace")
