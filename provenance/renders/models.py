"""A render, its attempts, and each delivery of what came of it."""

from __future__ import annotations

import uuid

from django.db import models


class Render(models.Model):
    """One render. Its id is its use's id; its states refine the use's (ADR 2)."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        PAYMENT_PENDING = "payment_pending"
        QUEUED = "queued"
        RENDERING = "rendering"
        SEALING = "sealing"
        APPROVAL_PENDING = "approval_pending"
        RELEASED = "released"
        WITHDRAWN = "withdrawn"
        DENIED = "denied"
        CANCELLED = "cancelled"
        FAILED = "failed"

    use = models.OneToOneField(
        "ledger.Use", models.PROTECT, primary_key=True, related_name="render"
    )
    prompt = models.TextField()
    title = models.TextField(blank=True)
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField(default=0)
    state = models.TextField(choices=State)
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


class Attempt(models.Model):
    """One permit, signed after one DISPATCH decision, and what became of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    render = models.ForeignKey("provenance.Render", models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    decision = models.ForeignKey("ledger.Decision", models.PROTECT, related_name="+")
    job_sha256 = models.BinaryField()
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    receipt = models.TextField(blank=True)  # The worker's signed receipt, compact JWS.
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="attempt_number_is_used_once", fields=("render", "number")
            ),
        )
