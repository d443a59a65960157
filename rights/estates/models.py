"""Estates: who speaks for somebody who has died."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q


class Estate(models.Model):
    """One claimant's claim to speak for one deceased person."""

    class Basis(models.TextChoices):
        SUCCESSOR = "successor"
        EXECUTOR = "executor"
        ASSIGNEE = "assignee"

    class State(models.TextChoices):
        SUBMITTED = "submitted"
        VERIFIED = "verified"
        DISPUTED = "disputed"
        REJECTED = "rejected"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    claimant = models.ForeignKey("ledger.Account", models.PROTECT, related_name="estates")
    # The person, as one row for all claims on them; their cameo, if they ever enrolled.
    person_name = models.TextField(help_text="The deceased person's name, as on the certificate.")
    person_key = models.TextField(editable=False, help_text="The name's skeleton and both dates.")
    cameo = models.ForeignKey(
        "ledger.Cameo", models.PROTECT, null=True, blank=True, related_name="estates"
    )
    born_on = models.DateField(null=True, blank=True)
    died_on = models.DateField()
    domicile = models.TextField(help_text="ISO 3166: US-CA, DK")
    basis = models.TextField(choices=Basis)
    share_bps = models.PositiveIntegerField(
        default=10_000, help_text="Share of the right held, in hundredths of a percent."
    )
    registered_on = models.DateField(
        null=True, blank=True, help_text="Where the law asks for a registration."
    )
    proof_of_death = models.TextField(help_text="Certificate number and issuing office.")
    state = models.TextField(choices=State, default=State.SUBMITTED)
    state_at = models.DateTimeField()
    protected_until = models.DateField(
        null=True, blank=True, help_text="By the rule of the domicile; empty: a person decides."
    )
    verified_by = models.ForeignKey(
        "ledger.Account", models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="estate_share_is_a_share", condition=Q(share_bps__gte=1, share_bps__lte=10_000)
            ),
            models.CheckConstraint(
                name="estate_person_died_after_birth",
                condition=Q(born_on__isnull=True) | Q(died_on__gte=F("born_on")),
            ),
            models.CheckConstraint(
                name="estate_does_not_verify_itself", condition=~Q(verified_by=F("claimant"))
            ),
            models.UniqueConstraint(
                name="claimant_claims_a_person_once",
                fields=("claimant", "person_key"),
                condition=~Q(state__in=("rejected", "ended")),
            ),
        )
        indexes = (models.Index(fields=("person_key",), name="estate_by_person"),)

    def __str__(self) -> str:
        return self.person_name
