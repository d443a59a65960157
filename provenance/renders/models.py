"""A render, its attempts, and each delivery of what came of it."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import F, Q

from provenance.renders import rules

INSERT_ONLY = pgtrigger.Update | pgtrigger.Delete


class Render(models.Model):
    """One render. Its id is its use's id; its states refine the use's (ADR 2)."""

    State = rules.State

    use = models.OneToOneField(
        "ledger.Use", models.PROTECT, primary_key=True, related_name="render"
    )
    prompt = models.TextField()
    title = models.TextField(blank=True)
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField(default=0)
    state = models.TextField(choices=rules.State.choices())
    stage = models.TextField(blank=True)  # What the worker last said it was doing.
    progress = models.FloatField(default=0)
    seconds_left = models.FloatField(null=True)
    failure_code = models.TextField(blank=True)
    output_path = models.TextField(blank=True)  # The worker's file, private.
    sealed_path = models.TextField(blank=True)
    sealed_sha256 = models.BinaryField(null=True)
    sealed_size_bytes = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    state_at = models.DateTimeField()

    LOG_EXCLUDED = ("stage", "progress", "seconds_left")

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="render_state_is_known", condition=Q(state__in=[*rules.State])
            ),
            # Nothing unsealed leaves: the promise, where no code can forget it.
            models.CheckConstraint(
                name="released_render_is_sealed",
                condition=~Q(state__in=("released", "withdrawn", "approval_pending"))
                | Q(sealed_sha256__isnull=False),
            ),
            models.CheckConstraint(
                name="render_progress_is_a_fraction",
                condition=Q(progress__gte=0) & Q(progress__lte=1),
            ),
        )
        indexes = (
            models.Index(
                fields=("state_at",),
                name="render_open_by_age",
                condition=~Q(state__in=[*rules.ENDS, rules.State.RELEASED]),
            ),
        )
        triggers = (
            pgtrigger.FSM(
                name="renders_change_along_transitions",
                field="state",
                transitions=[
                    (str(source), str(target))
                    for source, targets in rules.TRANSITIONS.items()
                    for target in targets
                ],
            ),
            pgtrigger.Protect(
                name="renders_start_as_requested",
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__state__df="requested"),
            ),
            pgtrigger.Protect(name="renders_are_kept", operation=pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return str(self.pk)


class Attempt(models.Model):
    """One permit, signed after one DISPATCH decision, and what became of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    render = models.ForeignKey("provenance.Render", models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    decision = models.ForeignKey("ledger.Decision", models.PROTECT, related_name="+")
    job = models.JSONField()  # Plain data: no capture, no key, no account.
    job_sha256 = models.BinaryField()
    captures = models.JSONField(default=dict)  # SHA-256 of each capture, by the cameo's reference.
    # The secret of this attempt's one-job keys, under the service's key; gone when it ends.
    job_secret = models.BinaryField(null=True)
    expires_at = models.DateTimeField()  # Of the permit: it must be redeemed before.
    redeemed_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_code = models.TextField(blank=True)
    receipt = models.TextField(blank=True)  # The worker's signed receipt, compact JWS.
    created_at = models.DateTimeField()

    LOG_EXCLUDED = ("job_secret", "beat_at")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="attempt_number_is_used_once", fields=("render", "number")
            ),
            models.UniqueConstraint(
                name="render_has_one_living_attempt",
                fields=("render",),
                condition=Q(ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="ended_attempt_has_a_code_and_no_secret",
                condition=Q(ended_at__isnull=True) | (~Q(end_code="") & Q(job_secret__isnull=True)),
            ),
        )
        indexes = (
            models.Index(
                fields=("created_at",),
                name="attempt_living_by_age",
                condition=Q(ended_at__isnull=True),
            ),
        )
        triggers = (
            pgtrigger.Protect(name="attempts_are_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="attempts_end_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__ended_at__isnull=False),
            ),
            pgtrigger.Protect(
                name="permits_are_redeemed_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__redeemed_at__isnull=False)
                & pgtrigger.Q(old__redeemed_at__df=pgtrigger.F("new__redeemed_at")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.render_id} #{self.number}"


class Delivery(models.Model):
    """Bytes of one sealed file that were handed out, to whom and how. Insert-only."""

    class Door(models.TextChoices):
        API = "api"
        LINK = "link"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    render = models.ForeignKey("provenance.Render", models.PROTECT, related_name="deliveries")
    sha256 = models.BinaryField()  # Of the whole file: names the seal that was verified in it.
    account = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    door = models.TextField(choices=Door)
    is_draft = models.BooleanField()
    first_byte = models.BigIntegerField()
    last_byte = models.BigIntegerField()  # Included.
    created_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("render", "created_at"), name="delivery_by_render"),)
        constraints = (
            models.CheckConstraint(
                name="delivery_has_bytes", condition=Q(last_byte__gte=F("first_byte"))
            ),
        )
        triggers = (pgtrigger.Protect(name="deliveries_are_insert_only", operation=INSERT_ONLY),)

    def __str__(self) -> str:
        return f"delivery of {self.render_id}"
