"""Rights holders, what they opt out, and the names by which it is found in a text."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class RightsHolder(models.Model):
    """Somebody who may file opt-outs, with the declaration of authority that they signed."""

    class State(models.TextChoices):
        SUBMITTED = "submitted"
        VERIFIED = "verified"
        SUSPENDED = "suspended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField("ledger.Account", models.PROTECT, related_name="rights_holder")
    name = models.TextField(help_text="The person or organisation whose rights these are.")
    contact_email = models.EmailField()
    agent_name = models.TextField(help_text="Who declares to act for the rights holder.")
    authority_text = models.TextField(help_text="The exact words of the declaration of authority.")
    authority_declared_on = models.DateField()
    state = models.TextField(choices=State, default=State.SUBMITTED)
    verified_by = models.ForeignKey(
        "ledger.Account", models.PROTECT, null=True, blank=True, related_name="+"
    )
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "rights holder"
        verbose_name_plural = "rights holders"
        constraints = (
            models.CheckConstraint(
                name="verified_holder_names_who_verified",
                condition=~Q(state="verified")
                | Q(verified_by__isnull=False, verified_at__isnull=False),
            ),
            models.CheckConstraint(
                name="holder_does_not_verify_itself", condition=~Q(verified_by=F("account"))
            ),
        )

    def __str__(self) -> str:
        return self.name


class OptOut(models.Model):
    """One thing that must not be used, for what, where and when."""

    class Kind(models.TextChoices):
        PERSON = "person"
        WORK = "work", "character or work"
        BRAND = "brand"
        VOICE = "voice"
        MEDIA = "media", "picture or video"

    class Scope(models.TextChoices):
        TRAINING = "training"
        GENERATION = "generation"
        CAMEO = "cameo"
        ADVERTISING = "advertising"

    class State(models.TextChoices):
        SUBMITTED = "submitted"
        VERIFIED = "verified"
        ACTIVE = "active"
        CONTESTED = "contested"
        WITHDRAWN = "withdrawn"

    # A contested opt-out still stops: silence is not consent.
    STOPS: ClassVar[tuple[str, ...]] = (State.ACTIVE, State.CONTESTED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    holder = models.ForeignKey("rights.RightsHolder", models.PROTECT, related_name="opt_outs")
    kind = models.TextField(choices=Kind)
    title = models.TextField(help_text="The name by which it is best known.")
    scopes = ArrayField(models.TextField(choices=Scope))
    territories = ArrayField(
        models.TextField(), default=list, blank=True, help_text="ISO 3166-1 alpha-2; empty: all"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    state = models.TextField(choices=State, default=State.SUBMITTED)
    state_at = models.DateTimeField()
    state_reason = models.TextField(blank=True)
    evidence_path = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "opt-out"
        verbose_name_plural = "opt-outs"
        constraints = (
            models.CheckConstraint(
                name="opt_out_ends_after_it_starts",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="opt_out_is_for_something", condition=Q(scopes__len__gte=1)
            ),
        )
        indexes = (models.Index(fields=("holder", "-created_at"), name="opt_out_by_holder"),)

    def __str__(self) -> str:
        return self.title


class OptOutAlias(models.Model):
    """One name of an opted-out thing. `skeleton` is what screening compares (see `screening`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    opt_out = models.ForeignKey("rights.OptOut", models.CASCADE, related_name="aliases")
    alias = models.TextField()
    skeleton = models.TextField()

    class Meta:
        verbose_name = "name"
        verbose_name_plural = "names"
        constraints = (
            models.UniqueConstraint(
                name="alias_skeleton_once_per_opt_out", fields=("opt_out", "skeleton")
            ),
            models.CheckConstraint(name="alias_has_a_skeleton", condition=~Q(skeleton="")),
        )
        indexes = (models.Index(fields=("skeleton",), name="alias_by_skeleton"),)

    def __str__(self) -> str:
        return self.alias
