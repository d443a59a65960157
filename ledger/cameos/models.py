"""Cameos: one subject's enrolled likeness, its audience and its versioned terms."""

from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact


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
            models.CheckConstraint(
                name="cameo_state_is_known",
                condition=Q(state__in=("draft", "active", "suspended", "retired", "purged")),
            ),
            models.CheckConstraint(
                name="cameo_audience_is_known",
                condition=Q(audience__in=("self", "approved", "mutuals", "everyone")),
            ),
        )
        triggers = (
            pgtrigger.Protect(
                name="cameo_epoch_never_falls",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__epoch__lt=pgtrigger.F("old__epoch")),
            ),
            pgtrigger.Protect(
                name="purged_cameo_stays_purged",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state="purged") & ~pgtrigger.Q(new__state="purged"),
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
            models.CheckConstraint(
                name="terms_purposes_are_known",
                condition=Q(
                    purposes__contained_by=["personal", "commercial", "advertising", "political"]
                ),
            ),
            models.CheckConstraint(
                name="terms_allow_some_seconds", condition=Q(version__gte=1, seconds_max__gte=1)
            ),
        )
        triggers = (
            pgtrigger.Protect(
                name="terms_are_insert_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )


class Enrolment(models.Model):
    """One try at proving a likeness: a challenge, valid five minutes, and one recording.

    An enrolment that is past `expires_at` before it was attempted is spent, whatever its state.
    """

    class State(models.TextChoices):
        STARTED = "started"
        AGREED = "agreed"
        CHECKING = "checking"
        REVIEW = "review"
        VERIFIED = "verified"
        REFUSED = "refused"

    ATTEMPTED = (State.CHECKING, State.REVIEW, State.VERIFIED, State.REFUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("ledger.Account", models.PROTECT, related_name="enrolments")
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="enrolments")
    state = models.TextField(choices=State, default=State.STARTED)
    challenge = models.JSONField(help_text="steps and words, see docs/spec/enrolment.md")
    remix_allowed = models.BooleanField(default=False, help_text="of the first terms version")
    checks = models.JSONField(default=list, help_text="what was checked, by what, and the verdict")
    expires_at = models.DateTimeField()
    attempted_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    reviewer = models.ForeignKey("ledger.Account", models.PROTECT, null=True, related_name="+")
    review_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="enrolment_state_is_known",
                condition=Q(
                    state__in=("started", "agreed", "checking", "review", "verified", "refused")
                ),
            ),
            models.CheckConstraint(
                name="enrolment_expires_after_it_starts",
                condition=Q(expires_at__gt=F("created_at")),
            ),
            models.CheckConstraint(
                name="enrolment_past_its_attempt_names_its_time",
                condition=Q(attempted_at__isnull=True)
                ^ Q(state__in=("checking", "review", "verified", "refused")),
            ),
            models.CheckConstraint(
                name="enrolment_is_decided_when_it_ends",
                condition=Q(decided_at__isnull=True) ^ Q(state__in=("verified", "refused")),
            ),
            models.CheckConstraint(
                name="enrolment_reviewer_gives_a_reason",
                condition=Q(reviewer__isnull=True) | ~Q(review_reason=""),
            ),
            models.CheckConstraint(
                name="enrolment_is_never_reviewed_by_its_subject",
                condition=Q(reviewer__isnull=True) | ~Q(reviewer=F("account")),
            ),
        )
        indexes = (models.Index(fields=("account", "created_at"), name="enrolment_by_account"),)
        permissions = (("review_enrolment", "Can decide an enrolment that the checks left unsure"),)


class ConsentStatement(models.Model):
    """One subject's agreement to one version of the consent statement. Insert-only.

    The texts are files of the repository, `ledger/cameos/statements/`; the digest ties them here.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    enrolment = models.OneToOneField("ledger.Enrolment", models.PROTECT, related_name="statement")
    account = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    version = models.TextField()
    sha256 = models.BinaryField()
    agreed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="statement_digest_is_sha256", condition=Exact(Length("sha256"), 32)
            ),
        )
        triggers = (
            pgtrigger.Protect(
                name="statements_are_insert_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )


class Capture(models.Model):
    """One enrolment's recording, encrypted under the cameo's own key in the `vault` storage.

    What the recording was never changes; where it lies and its fingerprint go when it is destroyed.
    """

    class Format(models.TextChoices):
        MP4 = "mp4"
        WEBM = "webm"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    enrolment = models.OneToOneField("ledger.Enrolment", models.PROTECT, related_name="capture")
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="captures")
    path = models.TextField(blank=True)
    format = models.TextField(choices=Format)
    sha256 = models.BinaryField(help_text="of the recording as it was uploaded")
    fingerprint = models.BinaryField(null=True, help_text="perceptual, see fingerprint.py")
    size_bytes = models.BigIntegerField()
    seconds = models.FloatField()
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    fps = models.FloatField()
    has_voice = models.BooleanField()
    # The stretch in which the person faces the camera and speaks: what a backend shows best.
    portrait_starts_s = models.FloatField()
    portrait_ends_s = models.FloatField()
    destroyed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    LOG_EXCLUDED = ("path", "fingerprint")

    class Meta:
        constraints = (
            models.UniqueConstraint(name="recording_is_used_once", fields=("sha256",)),
            models.CheckConstraint(
                name="capture_digest_is_sha256", condition=Exact(Length("sha256"), 32)
            ),
            models.CheckConstraint(
                name="capture_has_a_size",
                condition=Q(
                    size_bytes__gt=0, seconds__gt=0, width_px__gt=0, height_px__gt=0, fps__gt=0
                ),
            ),
            models.CheckConstraint(
                name="capture_format_is_known", condition=Q(format__in=("mp4", "webm"))
            ),
            models.CheckConstraint(
                name="capture_portrait_ends_after_it_starts",
                condition=Q(portrait_starts_s__gte=0, portrait_ends_s__gt=F("portrait_starts_s")),
            ),
            models.CheckConstraint(
                name="destroyed_capture_is_gone",
                condition=(Q(destroyed_at__isnull=True, fingerprint__isnull=False) & ~Q(path=""))
                | Q(destroyed_at__isnull=False, fingerprint__isnull=True, path=""),
            ),
        )
        indexes = (models.Index(fields=("cameo", "created_at"), name="capture_by_cameo"),)
        triggers = (
            pgtrigger.Protect(name="captures_are_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="captures_never_change",
                exclude=["path", "fingerprint", "destroyed_at"],
            ),
        )


class DestructionCertificate(models.Model):
    """Proof that a cameo's captures were destroyed: which, when, why. Insert-only."""

    class Cause(models.TextChoices):
        ASKED = "asked"
        DUE = "due"
        ORDERED = "ordered"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cameo = models.OneToOneField("ledger.Cameo", models.PROTECT, related_name="certificate")
    cause = models.TextField(choices=Cause)
    captures_sha256 = models.JSONField(help_text="hexadecimal, of each recording ever kept")
    entry_id = models.UUIDField(help_text="the log entry that says so")
    destroyed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="destruction_cause_is_known",
                condition=Q(cause__in=("asked", "due", "ordered")),
            ),
        )
        triggers = (
            pgtrigger.Protect(
                name="certificates_are_insert_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )
