"""Exports that auditors and people asked for; each is itself logged."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q


class Export(models.Model):
    """One report: what it is about, how far it is, and where its files lie."""

    class Kind(models.TextChoices):
        RENDER = "render"
        PERSON = "person"
        PERIOD = "period"

    class State(models.TextChoices):
        QUEUED = "queued"
        BUILDING = "building"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.ForeignKey("ledger.Account", models.PROTECT, related_name="exports")
    kind = models.TextField(choices=Kind)
    about_id = models.UUIDField(null=True, help_text="The render's or the person's id.")
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    # An auditor sees pseudonyms; a person sees the people of their own renders.
    is_redacted = models.BooleanField(default=True)
    state = models.TextField(choices=State, default=State.QUEUED)
    progress = models.FloatField(default=0)
    stage = models.TextField(blank=True)
    folder = models.TextField(blank=True)
    failure_code = models.TextField(blank=True)
    created_at = models.DateTimeField()
    state_at = models.DateTimeField()

    LOG_EXCLUDED = ("progress", "stage", "folder")

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="export_is_about_something",
                condition=Q(kind="period", about_id__isnull=True)
                | Q(kind__in=("render", "person"), about_id__isnull=False),
            ),
            models.CheckConstraint(
                name="export_period_ends_after_it_starts",
                condition=Q(starts_at__isnull=True)
                | Q(ends_at__isnull=True)
                | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="export_of_a_period_has_one",
                condition=~Q(kind="period") | Q(starts_at__isnull=False, ends_at__isnull=False),
            ),
        )
        indexes = (models.Index(fields=("requested_by", "-created_at"), name="export_by_person"),)

    def __str__(self) -> str:
        return f"{self.kind} report of {self.created_at:%Y-%m-%d %H:%M}"
