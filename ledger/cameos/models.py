"""Cameos: one subject's enrolled likeness, its audience and its versioned terms."""

from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Purpose(models.TextChoices):
    """What a use is for. `sexual` is a word of the API so that it can be refused by name."""

    PERSONAL = "personal"
    COMMERCIAL = "commercial"
    ADVERTISING = "advertising"
    POLITICAL = "political"
    SEXUAL = "sexual"


class Cameo(models.Model):
    """One subject's likeness. `epoch` rises with every tightening (ADR 3)."""

    class State(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        SUSPENDED = "suspended"
        RETIRED = "retired"
        PURGED = "purged"

    class Audience(models.TextChoices):
        SELF = "self"
        APPROVED = "approved"
        MUTUALS = "mutuals"
        EVERYONE = "everyone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey("ledger.Account", models.PROTECT, related_name="cameos")
    state = models.TextField(choices=State, default=State.DRAFT)
    audience = models.TextField(choices=Audience, default=Audience.SELF)
    epoch = models.BigIntegerField(default=0)
    terms = models.ForeignKey("ledger.Terms", models.PROTECT, null=True, related_name="+")
    preferences = models.JSONField(default=dict, help_text="pronouns, clothing, restrictions")
    verified_at = models.DateTimeField(null=True)
    destroy_after = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="account_has_one_living_cameo",
                fields=("owner",),
                condition=~Q(state__in=("retired", "purged")),
            ),
            models.CheckConstraint(
                name="active_cameo_has_terms",
                condition=~Q(state="active") | Q(terms__isnull=False),
            ),
        )


class Terms(models.Model):
    """One version of a cameo's conditions. Insert-only; a grant is pinned to a version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="terms_versions")
    version = models.PositiveIntegerField()
    purposes = ArrayField(models.TextField(choices=Purpose), default=list)
    remix_allowed = models.BooleanField(default=True)
    draft_approval = models.BooleanField(default=False)
    forbidden_topics = ArrayField(models.TextField(), default=list)
    territories = ArrayField(
        models.TextField(), default=list, help_text="ISO 3166-1 alpha-2; empty is everywhere"
    )
    seconds_max = models.PositiveIntegerField(default=60)
    renders_max = models.PositiveIntegerField(null=True, help_text="in all; NULL is no cap")
    renders_per_day_max = models.PositiveIntegerField(null=True)
    # {purpose: {"amount_minor": int, "currency": "usd"}}: per render, asked of anyone but the owner.
    fees = models.JSONField(default=dict)
    training_allowed = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="terms_version_is_used_once", fields=("cameo", "version")),
            models.CheckConstraint(
                name="terms_never_allow_sexual_use",
                condition=~Q(purposes__contains=["sexual"]),
            ),
        )
        triggers = (
            pgtrigger.Protect(
                name="terms_are_insert_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )
