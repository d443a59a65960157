"""A licence: the paid permission for one use of each cast cameo that asks a fee."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class Licence(models.Model):
    """One buyer's licence for one use: quoted, authorised, captured, or its money let go."""

    class State(models.TextChoices):
        QUOTED = "quoted"
        AUTHORISING = "authorising"
        AUTHORISED = "authorised"
        CAPTURE_INTENDED = "capture_intended"
        CAPTURED = "captured"
        VOID_INTENDED = "void_intended"
        VOIDED = "voided"
        REFUND_INTENDED = "refund_intended"
        REFUNDED = "refunded"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="licences")
    buyer = models.ForeignKey("ledger.Account", models.PROTECT, related_name="licences")
    purpose = models.TextField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()  # What the buyer pays in all.
    fee_bps = models.PositiveIntegerField()  # The platform's part of each line.
    state = models.TextField(choices=State, default=State.QUOTED)
    quote_expires_at = models.DateTimeField()
    payment_intent = models.TextField(blank=True)
    capture_before = models.DateTimeField(null=True)
    state_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="use_has_one_living_licence",
                fields=("use",),
                condition=~Q(state__in=("voided", "expired", "refunded")),
            ),
            models.CheckConstraint(name="licence_costs_something", condition=Q(amount_minor__gt=0)),
        )


class LicenceLine(models.Model):
    """What one cameo's owner asks, within a licence. Insert-only in practice: written at quote."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    licence = models.ForeignKey("rights.Licence", models.PROTECT, related_name="lines")
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="+")
    payee = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="licence_names_a_cameo_once", fields=("licence", "cameo")),
            models.CheckConstraint(name="line_costs_something", condition=Q(amount_minor__gt=0)),
        )
