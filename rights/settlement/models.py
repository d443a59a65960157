"""The books, what was asked of Stripe, who can be paid, and what Stripe told us.

Books and events are append-only. An attempt is written before its call, and its id is the call's
idempotency key.
"""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import F, Q

INSERT_ONLY = pgtrigger.Update | pgtrigger.Delete

PAYOUT_TRANSITIONS = [
    ("owed", "sent"),
    ("owed", "cancelled"),
    ("sent", "reversal_intended"),
    ("reversal_intended", "reversed"),
    ("reversal_intended", "short"),
]

# Fires at commit, once for each transfer: its postings are all there, and in each currency and layer
# debits equal credits.
_IS_BALANCED = """
    IF (
        SELECT coalesce(sum(sides.count), 0) <> NEW.postings_count OR bool_or(sides.total <> 0)
        FROM (
            SELECT count(*) AS count, sum(posting.amount_minor) AS total
            FROM rights_posting posting
            JOIN rights_ledgeraccount account ON account.id = posting.account_id
            WHERE posting.transfer_id = NEW.id
            GROUP BY account.currency, posting.layer
        ) AS sides
    ) THEN
        RAISE EXCEPTION 'transfer % is not balanced', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_is_balanced';
    END IF;
    RETURN NULL;
"""

# Fires after each statement: all postings of a transfer come in one, so none is ever added to what a
# commit has found balanced.
_ARE_TOGETHER = """
    IF EXISTS (
        SELECT 1 FROM (
            SELECT transfer_id, count(*) AS count FROM added GROUP BY transfer_id
        ) AS together
        WHERE together.count <> (
            SELECT count(*) FROM rights_posting WHERE transfer_id = together.transfer_id
        )
    ) THEN
        RAISE EXCEPTION 'postings of a transfer are written together'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_are_written_together';
    END IF;
    RETURN NULL;
"""


class LedgerAccount(models.Model):
    """One account of the books, in one currency. Debits are positive."""

    class Code(models.TextChoices):
        STRIPE = "stripe"  # An asset: what Stripe holds for us.
        BUYER_CLEARING = "buyer_clearing"  # What banks hold for licences; pending only.
        PAYABLE = "payable"  # A debt of ours to one payee.
        RECEIVABLE = "receivable"  # A debt of one payee to us, after a refund.
        PLATFORM_REVENUE = "platform_revenue"
        PROCESSING_FEES = "processing_fees"  # What Stripe keeps.

    OWNED = (Code.PAYABLE, Code.RECEIVABLE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.TextField(choices=Code)
    owner = models.ForeignKey("ledger.Account", models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="ledger_account_is_once",
                fields=("code", "owner", "currency"),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="ledger_account_code_is_known",
                condition=Q(
                    code__in=(
                        "stripe",
                        "buyer_clearing",
                        "payable",
                        "receivable",
                        "platform_revenue",
                        "processing_fees",
                    )
                ),
            ),
            models.CheckConstraint(
                name="ledger_account_is_owned_if_a_persons",
                condition=Q(code__in=("payable", "receivable"), owner__isnull=False)
                | (~Q(code__in=("payable", "receivable")) & Q(owner__isnull=True)),
            ),
        )
        triggers = (
            pgtrigger.Protect(name="ledger_accounts_are_insert_only", operation=INSERT_ONLY),
        )


class Transfer(models.Model):
    """One transaction of the books, done once by its key. Insert-only.

    A pending one moves nothing yet; at most one later transfer resolves it, and undoes its postings
    in the pending layer: by posting them, voiding them, or noting that they expired.
    """

    class Kind(models.TextChoices):
        AUTHORISATION = "authorisation"  # Pending.
        CAPTURE = "capture"  # Posts a pending one.
        VOID = "void"  # Voids a pending one.
        EXPIRY = "expiry"  # Stripe let a pending one go.
        PAYOUT = "payout"
        REFUND = "refund"
        REVERSAL = "reversal"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.TextField()
    kind = models.TextField(choices=Kind)
    licence = models.ForeignKey(
        "rights.Licence", models.PROTECT, null=True, related_name="transfers"
    )
    resolves = models.ForeignKey(
        "rights.Transfer", models.PROTECT, null=True, related_name="resolutions"
    )
    balance_transaction = models.TextField(blank=True)  # Stripe's own line for it, `txn_…`.
    postings_count = models.PositiveSmallIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="transfer_key_is_used_once", fields=("key",)),
            models.UniqueConstraint(
                name="pending_transfer_is_resolved_once",
                fields=("resolves",),
                condition=Q(resolves__isnull=False),
            ),
            models.UniqueConstraint(
                name="balance_transaction_is_booked_once",
                fields=("balance_transaction",),
                condition=~Q(balance_transaction=""),
            ),
            models.CheckConstraint(
                name="transfer_has_two_sides", condition=Q(postings_count__gte=2)
            ),
            models.CheckConstraint(
                name="transfer_kind_is_known",
                condition=Q(
                    kind__in=(
                        "authorisation",
                        "capture",
                        "void",
                        "expiry",
                        "payout",
                        "refund",
                        "reversal",
                    )
                ),
            ),
            models.CheckConstraint(
                name="transfer_resolves_what_its_kind_can",
                condition=Q(kind__in=("capture", "void", "expiry")) | Q(resolves__isnull=True),
            ),
        )
        triggers = (
            pgtrigger.Protect(name="transfers_are_insert_only", operation=INSERT_ONLY),
            pgtrigger.Trigger(
                name="transfer_is_balanced",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=_IS_BALANCED,
            ),
        )


class Posting(models.Model):
    """One side of a transfer, in one account and layer. Insert-only; debits are positive."""

    class Layer(models.TextChoices):
        PENDING = "pending"
        POSTED = "posted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    transfer = models.ForeignKey("rights.Transfer", models.PROTECT, related_name="postings")
    account = models.ForeignKey("rights.LedgerAccount", models.PROTECT, related_name="postings")
    layer = models.TextField(choices=Layer)
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = (
            models.CheckConstraint(name="posting_moves_something", condition=~Q(amount_minor=0)),
            models.CheckConstraint(
                name="posting_layer_is_known", condition=Q(layer__in=("pending", "posted"))
            ),
        )
        triggers = (
            pgtrigger.Protect(name="postings_are_insert_only", operation=INSERT_ONLY),
            pgtrigger.Trigger(
                name="postings_are_written_together",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),  # type: ignore[no-untyped-call]  # As it is.
                func=_ARE_TOGETHER,
            ),
        )


class PayeeAccount(models.Model):
    """One person's account at Stripe for being paid. Its id is the key that made it there."""

    class State(models.TextChoices):
        CREATING = "creating"
        PENDING = "pending"
        ACTIVE = "active"
        RESTRICTED = "restricted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField("ledger.Account", models.PROTECT, related_name="payee_account")
    country = models.CharField(max_length=2)
    stripe_id = models.TextField(blank=True)
    state = models.TextField(choices=State, default=State.CREATING)
    state_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="stripe_account_is_of_one_payee",
                fields=("stripe_id",),
                condition=~Q(stripe_id=""),
            ),
            models.CheckConstraint(
                name="payee_account_state_is_known",
                condition=Q(state__in=("creating", "pending", "active", "restricted")),
            ),
            models.CheckConstraint(
                name="payee_account_past_creation_has_an_address",
                condition=Q(state="creating") | ~Q(stripe_id=""),
            ),
        )


class Payout(models.Model):
    """What one payee gets of one captured licence: its own transfer, sent and retried alone."""

    class State(models.TextChoices):
        OWED = "owed"
        SENT = "sent"
        CANCELLED = "cancelled"  # Refunded to the buyer before it was sent.
        REVERSAL_INTENDED = "reversal_intended"
        REVERSED = "reversed"
        SHORT = "short"  # The payee's balance did not suffice: a receivable stands.

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    licence = models.ForeignKey("rights.Licence", models.PROTECT, related_name="payouts")
    payee = models.ForeignKey("ledger.Account", models.PROTECT, related_name="payouts")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.TextField(choices=State, default=State.OWED)
    stripe_id = models.TextField(blank=True)
    state_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="licence_pays_a_payee_once", fields=("licence", "payee")),
            models.CheckConstraint(name="payout_pays_something", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="payout_past_sending_has_an_address",
                condition=Q(state__in=("owed", "cancelled")) | ~Q(stripe_id=""),
            ),
            models.CheckConstraint(
                name="payout_state_is_known",
                condition=Q(
                    state__in=(
                        "owed",
                        "sent",
                        "cancelled",
                        "reversal_intended",
                        "reversed",
                        "short",
                    )
                ),
            ),
        )
        triggers = (
            pgtrigger.Protect(name="payouts_are_kept", operation=pgtrigger.Delete),
            pgtrigger.FSM(
                name="payout_moves_along_its_table", field="state", transitions=PAYOUT_TRANSITIONS
            ),
            pgtrigger.ReadOnly(
                name="what_is_owed_never_changes",
                fields=["licence", "payee", "amount_minor", "currency"],
            ),
        )


class PaymentAttempt(models.Model):
    """One intended call to Stripe, written before it. `id` is the idempotency key of every try.

    It stays open while its outcome is unknown; `code` says how the last try ended, and is empty while
    one is under way.
    """

    class Kind(models.TextChoices):
        AUTHORISE = "authorise"
        CAPTURE = "capture"
        VOID = "void"
        REFUND = "refund"
        TRANSFER = "transfer"
        REVERSAL = "reversal"

    class State(models.TextChoices):
        OPEN = "open"
        SUCCEEDED = "succeeded"
        REFUSED = "refused"  # Stripe or the bank said no.
        LOST = "lost"  # Looked for, and never happened.

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.TextField(choices=Kind)
    licence = models.ForeignKey("rights.Licence", models.PROTECT, related_name="attempts")
    payout = models.ForeignKey("rights.Payout", models.PROTECT, null=True, related_name="attempts")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    payment_method = models.TextField(blank=True)  # Stripe's token, never a card number.
    state = models.TextField(choices=State, default=State.OPEN)
    calls = models.PositiveIntegerField(default=0)
    is_key_spent = models.BooleanField(default=False)  # Stripe stored a failure under it.
    called_at = models.DateTimeField()
    stripe_id = models.TextField(blank=True)
    code = models.TextField(blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    LOG_EXCLUDED = ("payment_method",)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="one_open_attempt_of_a_kind",
                fields=("licence", "payout", "kind"),
                condition=Q(state="open"),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="attempt_is_open_until_it_ends",
                condition=Q(state="open", ended_at__isnull=True)
                | (~Q(state="open") & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="attempt_succeeds_with_an_address",
                condition=~Q(state="succeeded") | ~Q(stripe_id=""),
            ),
            models.CheckConstraint(
                name="attempt_ends_after_it_starts",
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("created_at")),
            ),
            models.CheckConstraint(
                name="attempt_state_is_known",
                condition=Q(state__in=("open", "succeeded", "refused", "lost")),
            ),
        )
        indexes = (
            models.Index(fields=("called_at",), name="attempt_open", condition=Q(state="open")),
        )
        triggers = (
            pgtrigger.Protect(name="attempts_are_kept", operation=pgtrigger.Delete),
            pgtrigger.FSM(
                name="attempt_ends_once",
                field="state",
                transitions=[("open", "succeeded"), ("open", "refused"), ("open", "lost")],
            ),
        )


class StripeEvent(models.Model):
    """One event that Stripe told us of, kept once. Only its type and object's address are kept:
    objects are fetched again rather than trusted."""

    class State(models.TextChoices):
        RECEIVED = "received"
        PROCESSED = "processed"
        IGNORED = "ignored"  # A type that means nothing to us.

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stripe_id = models.TextField()
    type = models.TextField()
    object_id = models.TextField(blank=True)
    state = models.TextField(choices=State, default=State.RECEIVED)
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(name="stripe_event_is_kept_once", fields=("stripe_id",)),
            models.CheckConstraint(
                name="stripe_event_state_is_known",
                condition=Q(state__in=("received", "processed", "ignored")),
            ),
        )
        indexes = (models.Index(fields=("type", "state"), name="stripe_event_by_type"),)
