"""Takedown cases, the reasons that were given, and what stays down."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q

from rights.takedowns.rules import Regime

REGIMES = [(regime.value, regime.value.replace("_", " ")) for regime in Regime]


class TakedownCase(models.Model):
    """One notice against one render, with its clocks. The notice itself lies encrypted."""

    class State(models.TextChoices):
        RECEIVED = "received"
        CURE_ASKED = "cure_asked"
        HELD = "held"
        UPHELD = "upheld"
        REJECTED = "rejected"

    OPEN = (State.RECEIVED, State.CURE_ASKED, State.HELD)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.TextField(help_text="The case number that everybody concerned is given.")
    secret_sha256 = models.BinaryField()
    confirmation_sha256 = models.BinaryField()
    confirmed_at = models.DateTimeField(null=True)
    regime = models.TextField(choices=REGIMES)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="takedown_cases")
    estate = models.ForeignKey("rights.Estate", models.PROTECT, null=True, related_name="cases")
    country = models.CharField(max_length=2, default="US")
    # Contact, target, statement, signature: canonical JSON under the case's own key.
    notice = models.BinaryField()
    missing = models.JSONField(default=list, help_text="What the notice lacks, by name.")
    state = models.TextField(choices=State)
    state_at = models.DateTimeField()
    received_at = models.DateTimeField()
    hold_due_at = models.DateTimeField(null=True)
    decide_due_at = models.DateTimeField()
    hold = models.ForeignKey("ledger.Hold", models.PROTECT, null=True, related_name="+")
    decided_by = models.ForeignKey("ledger.Account", models.PROTECT, null=True, related_name="+")

    LOG_EXCLUDED = ("secret_sha256", "confirmation_sha256", "notice")

    class Meta:
        verbose_name = "takedown case"
        verbose_name_plural = "takedown cases"
        constraints = (
            models.UniqueConstraint(name="case_reference_is_unique", fields=("reference",)),
            models.CheckConstraint(
                name="decided_case_names_who_decided",
                condition=~Q(state__in=("upheld", "rejected")) | Q(decided_by__isnull=False),
            ),
            models.CheckConstraint(
                name="held_case_names_its_hold", condition=~Q(state="held") | Q(hold__isnull=False)
            ),
        )
        indexes = (
            models.Index(
                fields=("decide_due_at",),
                name="case_open_by_deadline",
                condition=Q(state__in=("received", "cure_asked", "held")),
            ),
        )
        permissions = (("open_notice", "Can open a case's notice; each opening is logged"),)

    def __str__(self) -> str:
        return self.reference


class StatementOfReasons(models.Model):
    """Why a case was decided as it was, for everybody concerned. Insert-only.

    Fields as in the DSA transparency database's API (puid, decision_facts, and so on).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.OneToOneField(
        "rights.TakedownCase", models.PROTECT, related_name="statement_of_reasons"
    )
    puid = models.TextField(help_text="Never reused.")
    decision_facts = models.CharField(max_length=5000)
    decision_ground = models.TextField()
    category = models.TextField()
    source_type = models.TextField()
    automated_detection = models.BooleanField(default=False)
    automated_decision = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "statement of reasons"
        verbose_name_plural = "statements of reasons"
        constraints = (models.UniqueConstraint(name="puid_is_never_reused", fields=("puid",)),)
        triggers = (
            pgtrigger.Protect(
                name="statements_are_insert_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )


class StayDown(models.Model):
    """A use that was taken down: nothing may be made from it again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey("rights.TakedownCase", models.PROTECT, related_name="stay_downs")
    use = models.OneToOneField("ledger.Use", models.PROTECT, related_name="stay_down")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "stay-down"
        verbose_name_plural = "stay-downs"
