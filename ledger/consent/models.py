"""Grants and revocations, uses and their casts, decisions, reservations, approvals, locks, holds."""

from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from ledger.cameos.models import Purpose

INSERT_ONLY = pgtrigger.Update | pgtrigger.Delete


class Grant(models.Model):
    """One owner's permission for one account to use one cameo. Insert-only: see Revocation."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="grants")
    grantor = models.ForeignKey("ledger.Account", models.PROTECT, related_name="grants_given")
    grantee = models.ForeignKey("ledger.Account", models.PROTECT, related_name="grants_held")
    terms = models.ForeignKey("ledger.Terms", models.PROTECT, related_name="grants")
    purposes = ArrayField(models.TextField(choices=Purpose))
    remix_allowed = models.BooleanField(default=False)
    renders_max = models.PositiveIntegerField(null=True)  # NULL: no limit of its own.
    renders_per_day_max = models.PositiveIntegerField(null=True)
    seconds_max = models.PositiveIntegerField(null=True)
    territories = ArrayField(models.TextField(), default=list)
    # Of a minor's cameo: in force once the minor and a guardian have both given it.
    needs_confirmation = models.BooleanField(default=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)  # Exclusive; NULL means until revoked.
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="grant_ends_after_it_starts",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="grant_is_to_someone_else", condition=~Q(grantor=F("grantee"))
            ),
            models.CheckConstraint(
                name="grant_never_allows_sexual_use",
                condition=~Q(purposes__contains=["sexual"]),
            ),
        )
        indexes = (models.Index(fields=("cameo", "grantee"), name="grant_by_cameo_and_grantee"),)
        triggers = (pgtrigger.Protect(name="grants_are_insert_only", operation=INSERT_ONLY),)

    @property
    def is_confirmed(self) -> bool:
        """Whether it needs no second yes, or has it. A query where `confirmation` is not joined."""
        return not self.needs_confirmation or hasattr(self, "confirmation")


class GrantConfirmation(models.Model):
    """The second yes to a minor's grant: the guardian's to the minor's, or the other way round."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.OneToOneField("ledger.Grant", models.PROTECT, related_name="confirmation")
    confirmed_by = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        triggers = (pgtrigger.Protect(name="confirmations_are_insert_only", operation=INSERT_ONLY),)


class Revocation(models.Model):
    """The end of one grant. Insert-only; the first one stands."""

    class Act(models.TextChoices):
        STOP = "stop"
        FREEZE = "freeze"
        REMOVE = "remove"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.ForeignKey("ledger.Grant", models.PROTECT, related_name="revocations")
    revoked_by = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    act = models.TextField(choices=Act, default=Act.STOP)
    reason = models.TextField(blank=True)
    effective_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="revocation_once_per_grant", fields=("grant",)),
        )
        triggers = (pgtrigger.Protect(name="revocations_are_insert_only", operation=INSERT_ONLY),)


class Use(models.Model):
    """One asked-for use of one or more likenesses (ADR 2). A render's use shares the render's id."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        DISPATCHED = "dispatched"
        RELEASED = "released"
        WITHDRAWN = "withdrawn"
        DENIED = "denied"
        CANCELLED = "cancelled"
        FAILED = "failed"

    OPEN = (State.REQUESTED, State.DISPATCHED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requester = models.ForeignKey("ledger.Account", models.PROTECT, related_name="uses")
    parent = models.ForeignKey("ledger.Use", models.PROTECT, null=True, related_name="children")
    purpose = models.TextField(choices=Purpose)
    seconds = models.DecimalField(max_digits=8, decimal_places=3)
    territories = ArrayField(models.TextField(), default=list)
    # Prompt, title, captions and file names: what prohibitions are screened against, at each gate.
    texts = ArrayField(models.TextField(), default=list)
    state = models.TextField(choices=State)
    state_at = models.DateTimeField()
    approval_asked_at = models.DateTimeField(null=True)  # Since when a draft waits for its owners.
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "use"
        verbose_name_plural = "uses"
        constraints = (
            models.CheckConstraint(name="use_is_not_its_own_parent", condition=~Q(parent=F("id"))),
        )
        indexes = (
            models.Index(
                fields=("state_at",),
                name="use_open_by_age",
                condition=Q(state__in=("requested", "dispatched")),
            ),
        )


class UseCast(models.Model):
    """One cameo in one use, under the epoch and terms version of its last permit."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="cast")
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="uses")
    grant = models.ForeignKey("ledger.Grant", models.PROTECT, null=True, related_name="uses")
    terms = models.ForeignKey("ledger.Terms", models.PROTECT, null=True, related_name="+")
    epoch = models.BigIntegerField()
    is_inherited = models.BooleanField(default=False)  # Kept from the parent.

    class Meta:
        verbose_name = "cast member"
        verbose_name_plural = "cast members"
        constraints = (
            models.UniqueConstraint(name="use_casts_a_cameo_once", fields=("use", "cameo")),
        )
        indexes = (models.Index(fields=("cameo", "use"), name="use_cast_by_cameo"),)


class Gate(models.TextChoices):
    """A moment at which consent is decided."""

    REQUEST = "request"
    DISPATCH = "dispatch"
    RELEASE = "release"
    SHOW = "show"


class Decision(models.Model):
    """One gate's decision, with the facts it rests on. Insert-only, and can be replayed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="decisions")
    gate = models.TextField(choices=Gate)
    effect = models.TextField(choices=[("permit", "permit"), ("deny", "deny")])
    findings = models.JSONField()
    obligations = models.JSONField(default=list)
    facts = models.JSONField()
    log_entry_id = models.UUIDField(null=True)
    decided_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=("use", "decided_at"), name="decision_by_use"),
            GinIndex(
                fields=("findings",),
                opclasses=("jsonb_path_ops",),
                name="decision_denials_by_finding",
                condition=Q(effect="deny"),
            ),
        )
        triggers = (pgtrigger.Protect(name="decisions_are_insert_only", operation=INSERT_ONLY),)


class Reservation(models.Model):
    """One counted use of a grant (or of a cameo's terms): held, kept, or given back."""

    class State(models.TextChoices):
        HELD = "held"
        KEPT = "kept"
        RETURNED = "returned"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="reservations")
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="reservations")
    grant = models.ForeignKey(
        "ledger.Grant", models.PROTECT, null=True, related_name="reservations"
    )
    state = models.TextField(choices=State, default=State.HELD)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="reservation_once_per_cameo", fields=("use", "cameo")),
        )


class Approval(models.Model):
    """A co-owner's answer to a draft. Insert-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="approvals")
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, related_name="approvals")
    approver = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    is_approved = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="approval_once_per_cameo", fields=("use", "cameo")),
        )
        triggers = (pgtrigger.Protect(name="approvals_are_insert_only", operation=INSERT_ONLY),)


class RemixLock(models.Model):
    """A co-owner's lock on one use: neither it nor what descends from it can be remixed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    use = models.ForeignKey("ledger.Use", models.PROTECT, related_name="remix_locks")
    locked_by = models.ForeignKey("ledger.Account", models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="remix_lock_once_per_person",
                fields=("use", "locked_by"),
                condition=Q(ends_at__isnull=True),
            ),
        )


class Hold(models.Model):
    """A stop that stands above everything: on a cameo or on one use."""

    class Ground(models.TextChoices):
        LEGAL = "legal-hold"
        COURT_ORDER = "court-order"
        INTIMATE_IMAGE = "intimate-image-report"
        CHILD_SAFETY = "child-safety"
        ESTATE_DISPUTE = "estate-dispute"
        TAKEDOWN = "takedown"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cameo = models.ForeignKey("ledger.Cameo", models.PROTECT, null=True, related_name="holds")
    use = models.ForeignKey("ledger.Use", models.PROTECT, null=True, related_name="holds")
    ground = models.TextField(choices=Ground)
    case_id = models.UUIDField(null=True)  # The takedown or estate case that placed it.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="hold_is_on_a_cameo_or_a_use",
                condition=Q(cameo__isnull=False) ^ Q(use__isnull=False),
            ),
        )
