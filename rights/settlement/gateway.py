"""What we ask of Stripe, in our words. No type or error of its SDK passes this line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from ledger.errors import Conflict, NotFound, Refused, Unavailable
from rights.settlement.entries import Movement


class CardDeclined(Refused):
    code = "card-declined"
    title = "The bank refused the payment; another payment method may work."
    http_status = 402


class PaymentMethodRefused(Refused):
    code = "payment-method-refused"
    title = "This payment method cannot be charged."


class StripeRefused(Refused):
    """Stripe understood, and said no: a mistake in our request, or in our account's settings."""

    code = "stripe-refused"
    title = "The payment provider refused the request."


class StripeNotFound(NotFound):
    code = "stripe-not-found"
    title = "The payment provider knows no such object."


class AuthorisationGone(Conflict):
    """Nothing is held any more: it was cancelled, or lapsed."""

    code = "authorisation-gone"
    title = "The bank holds no money for this licence any more."


class TransferRefused(Refused):
    """The payee cannot be paid now; what is owed stays owed."""

    code = "transfer-refused"
    title = "The payee cannot be paid now."


class BalanceTooLow(Refused):
    code = "payee-balance-too-low"
    title = "The payee's balance does not suffice to take the transfer back."


class StripeUnavailable(Unavailable):
    """No answer, or one that settles nothing. Whether it happened is unknown until it is looked up."""

    code = "stripe-unavailable"
    title = "The payment provider cannot be reached now."


class StripeAnswerStored(StripeUnavailable):
    """A 500. Stripe repeats it for this key, so the key is spent."""

    code = "stripe-answer-stored"
    title = "The payment provider failed; the request will be made anew."


class PaymentState(StrEnum):
    """Where a payment stands, as far as we care."""

    HELD = "held"
    CAPTURED = "captured"
    GONE = "gone"
    UNPAID = "unpaid"


@dataclass(frozen=True)
class Payment:
    """One payment of one licence. Amounts in minor units; `movement` is there once captured."""

    id: str
    state: PaymentState
    amount_minor: int
    currency: str
    charge: str = ""
    capture_before: datetime | None = None
    licence_id: UUID | None = None
    movement: Movement | None = None


@dataclass(frozen=True)
class Done:
    """A refund, transfer or reversal that exists, and the movement that it made."""

    id: str
    amount_minor: int
    movement: Movement


@dataclass(frozen=True)
class Recipient:
    """A payee's account there, and whether transfers to it are active."""

    id: str
    is_active: bool
    is_restricted: bool


@dataclass(frozen=True)
class Notice:
    """A verified event: what happened to which object. Its contents are not trusted."""

    id: str
    type: str
    object_id: str
    is_live: bool
    account: str


class Stripe(Protocol):
    """Each write takes our row's id as `key`, which is its idempotency key. Amounts in minor units.

    All raise `StripeUnavailable` when there was no answer, and `StripeAnswerStored` when the key is
    spent; then the matching `find_…` says whether it happened.
    """

    def authorise(
        self,
        *,
        key: UUID,
        licence_id: UUID,
        amount_minor: int,
        currency: str,
        payment_method: str,
    ) -> Payment:
        """Hold money. Raises `CardDeclined`, `PaymentMethodRefused`."""

    def find_authorisation(self, *, key: UUID, since: datetime) -> Payment | None:
        """Return the payment that `key` made, unless it made none."""

    def payment(self, payment_intent: str) -> Payment:
        """Return a payment as it is now."""

    def capture(self, *, key: UUID, payment_intent: str) -> Payment:
        """Take what is held. Raises `AuthorisationGone`."""

    def cancel(self, *, key: UUID, payment_intent: str) -> Payment:
        """Let go of what is held; a payment that is gone or captured is returned as it is."""

    def refund(
        self, *, key: UUID, licence_id: UUID, payment_intent: str, amount_minor: int
    ) -> Done:
        """Give money back to the buyer."""

    def find_refund(self, *, key: UUID, payment_intent: str) -> Done | None:
        """Return the refund that `key` made, unless it made none."""

    def send_transfer(
        self,
        *,
        key: UUID,
        licence_id: UUID,
        destination: str,
        charge: str,
        amount_minor: int,
        currency: str,
    ) -> Done:
        """Pay a payee from one charge. Raises `TransferRefused`."""

    def find_transfer(self, *, key: UUID, licence_id: UUID) -> Done | None:
        """Return the transfer that `key` made, unless it made none."""

    def reverse_transfer(self, *, key: UUID, transfer: str, amount_minor: int) -> Done:
        """Take a transfer back. Raises `BalanceTooLow`."""

    def find_reversal(self, *, key: UUID, transfer: str) -> Done | None:
        """Return the reversal that `key` made, unless it made none."""

    def create_recipient(
        self, *, key: UUID, account_id: UUID, email: str, country: str
    ) -> Recipient:
        """Open a payee's account."""

    def recipient(self, stripe_id: str) -> Recipient:
        """Return a payee's account as it is now."""

    def onboarding_url(self, *, stripe_id: str, return_url: str) -> str:
        """Return a single-use address where the payee tells Stripe what it must know."""

    def movements(self, *, since: datetime, until: datetime) -> Iterator[Movement]:
        """Return every movement of our balance in a period, newest first."""
