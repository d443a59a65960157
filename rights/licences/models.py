"""A licence: the paid permission for one use of each cast cameo that asks a fee."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import F, Q

from rights.licences import states


class Licence(models.Model):
    """One buyer's licence for one use: quoted, authorised, captured, or its money let go."""

    class State(models.TextChoices):
        QUOTED = states.QUOTED
        AUTHORISING = states.AUTHORISING
        AUTHORISED = states.AUTHORISED
        CAPTURE_INTENDED = states.CAPTURE_INTENDED
        CAPTURED = states.CAPTURED
        VOID_INTENDED = states.VOID_INTENDED
        VOIDED = states.VOIDED
        REFUND_INTENDED = states.REFUND_INTENDED
        REFUNDED = states.REFUNDED
        EXPIRED = states.EXPIRED

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="licences")
    buyer = models.ForeignKey("ledger.Account", models.PROTECT, related_name="licences")
    purpose = models.TextField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()  # What the buyer pays in all.
    fee_bps = models.PositiveIntegerField()  # The platform's part, of all lines together.
    state = models.TextField(choices=State, default=State.QUOTED)
    quote_expires_at = models.DateTimeField()
    payment_intent = models.TextField(blank=True)
    charge = models.TextField(blank=True)
    capture_before = models.DateTimeField(null=True)
    captured_at = models.DateTimeField(null=True)
    state_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="use_has_one_living_licence",
                fields=("use",),
                condition=~Q(state__in=("voided", "expired", "refunded")),
            ),
            models.UniqueConstraint(
                name="payment_intent_is_of_one_licence",
                fields=("payment_intent",),
                condition=~Q(payment_intent=""),
            ),
            models.CheckConstraint(name="licence_costs_something", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="licence_state_is_known", condition=Q(state__in=sorted(states.TRANSITIONS))
            ),
            models.CheckConstraint(
                name="licence_currency_is_lower_case", condition=Q(currency__regex=r"^[a-z]{3}$")
            ),
            models.CheckConstraint(
                name="authorised_licence_names_its_payment",
                condition=~Q(state__in=("authorised", "capture_intended", "captured"))
                | (~Q(payment_intent="") & Q(capture_before__isnull=False)),
            ),
        )
        indexes = (
            models.Index(fields=("buyer", "created_at"), name="licence_by_buyer"),
            models.Index(
                fields=("state", "state_at"),
                name="licence_open_by_age",
                condition=~Q(state__in=("captured", "voided", "expired", "refunded")),
            ),
        )
        triggers = (
            pgtrigger.Protect(name="licences_are_kept", operation=pgtrigger.Delete),
            pgtrigger.FSM(
                name="licence_moves_along_its_table",
                field="state",
                transitions=[
                    (before, after)
                    for before, following in sorted(states.TRANSITIONS.items())
                    for after in sorted(following)
                ],
            ),
            pgtrigger.ReadOnly(
                name="what_was_quoted_never_changes",
                fields=["use", "buyer", "purpose", "currency", "amount_minor", "fee_bps"],
            ),
        )


class LicenceLine(models.Model):
    """What one cameo's owner asks, within a licence, and the platform's part of it. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    licence = models.ForeignKey("rights.Licence", models.PROTECT, related_name="lines")
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="+")
    payee = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="licence_names_a_cameo_once", fields=("licence", "cameo")),
            models.CheckConstraint(name="line_costs_something", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="line_fee_is_within_the_line",
                condition=Q(fee_minor__gte=0, fee_minor__lte=F("amount_minor")),
            ),
        )
        triggers = (
            pgtrigger.Protect(
                name="licence_lines_are_insert_only",
                operation=pgtrigger.Update | pgtrigger.Delete,
            ),
        )
