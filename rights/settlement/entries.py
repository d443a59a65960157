"""What each event of money writes into the books: pure, and balanced by construction.

Debits are positive. Amounts are integers in minor units of one currency. A leg names its account by
code and, where it is a person's, by owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

STRIPE = "stripe"
BUYER_CLEARING = "buyer_clearing"
PAYABLE = "payable"
RECEIVABLE = "receivable"
PLATFORM_REVENUE = "platform_revenue"
PROCESSING_FEES = "processing_fees"

LEGS_MAX = 250


class Layer(StrEnum):
    """Whether an amount is only promised, or moved."""

    PENDING = "pending"
    POSTED = "posted"


@dataclass(frozen=True)
class Leg:
    """One side: `amount_minor` debited (positive) or credited (negative) to one account."""

    code: str
    amount_minor: int
    owner_id: UUID | None = None
    layer: Layer = Layer.POSTED


@dataclass(frozen=True)
class Entry:
    """One transaction of the books in one currency. `key` makes it happen once.

    `resolves` is the key of the pending entry that this one posts, voids or notes as expired.
    """

    key: str
    kind: str
    currency: str
    legs: tuple[Leg, ...]
    licence_id: UUID | None = None
    resolves: str | None = None
    balance_transaction: str = ""

    def __post_init__(self) -> None:
        for layer in Layer:
            total = sum(leg.amount_minor for leg in self.legs if leg.layer == layer)
            if total:
                raise Unbalanced(self.key, layer.value, total)
        if not 2 <= len(self.legs) <= LEGS_MAX or any(not leg.amount_minor for leg in self.legs):
            raise Unbalanced(self.key, "legs", len(self.legs))


class Unbalanced(ValueError):
    """Debits and credits differ, or a side is missing or moves nothing: a mistake in the code."""


@dataclass(frozen=True)
class Movement:
    """Stripe's own line about one movement of our balance (a balance transaction).

    `net_minor` is `amount_minor` less `fee_minor`; what leaves our balance is negative.
    """

    id: str
    kind: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    source: str


@dataclass(frozen=True)
class Parts:
    """How one licence's money is shared: what each payee gets, and the platform's part."""

    currency: str
    fee_minor: int
    by_payee: Mapping[UUID, int] = field(default_factory=dict)

    @property
    def total_minor(self) -> int:
        return self.fee_minor + sum(self.by_payee.values())


def authorisation(*, licence_id: UUID, amount_minor: int, currency: str) -> Entry:
    """A bank holds `amount_minor` for one licence: pending, nothing has moved."""
    return Entry(
        key=_hold_key(licence_id),
        kind="authorisation",
        currency=currency,
        licence_id=licence_id,
        legs=_hold_legs(amount_minor),
    )


def capture(*, licence_id: UUID, parts: Parts, movement: Movement) -> Entry:
    """The held money is taken: we owe each payee its part and keep ours; Stripe keeps its fee."""
    return Entry(
        key=f"capture:{licence_id}",
        kind="capture",
        currency=parts.currency,
        licence_id=licence_id,
        resolves=_hold_key(licence_id),
        balance_transaction=movement.id,
        legs=_legs(
            *_negated(_hold_legs(parts.total_minor)),
            Leg(STRIPE, movement.net_minor),
            Leg(PROCESSING_FEES, movement.fee_minor),
            Leg(PLATFORM_REVENUE, -parts.fee_minor),
            *(Leg(PAYABLE, -amount, payee) for payee, amount in sorted(parts.by_payee.items())),
        ),
    )


def release(*, licence_id: UUID, amount_minor: int, currency: str, is_expired: bool) -> Entry:
    """The held money is let go: voided by us, or expired at the bank."""
    kind = "expiry" if is_expired else "void"
    return Entry(
        key=f"release:{licence_id}",
        kind=kind,
        currency=currency,
        licence_id=licence_id,
        resolves=_hold_key(licence_id),
        legs=_negated(_hold_legs(amount_minor)),
    )


def payout(
    *, payout_id: UUID, licence_id: UUID, payee_id: UUID, amount_minor: int, movement: Movement
) -> Entry:
    """What we owed a payee was sent."""
    return Entry(
        key=f"payout:{payout_id}",
        kind="payout",
        currency=movement.currency,
        licence_id=licence_id,
        balance_transaction=movement.id,
        legs=_legs(
            Leg(PAYABLE, amount_minor, payee_id),
            Leg(PROCESSING_FEES, movement.fee_minor),
            Leg(STRIPE, movement.net_minor),
        ),
    )


def refund(*, licence_id: UUID, parts: Parts, sent_to: Iterable[UUID], movement: Movement) -> Entry:
    """The buyer has the whole sum back. Whoever was paid owes it; whoever was not is owed no more."""
    paid = frozenset(sent_to)
    return Entry(
        key=f"refund:{licence_id}",
        kind="refund",
        currency=parts.currency,
        licence_id=licence_id,
        balance_transaction=movement.id,
        legs=_legs(
            Leg(PLATFORM_REVENUE, parts.fee_minor),
            *(
                Leg(RECEIVABLE if payee in paid else PAYABLE, amount, payee)
                for payee, amount in sorted(parts.by_payee.items())
            ),
            Leg(PROCESSING_FEES, movement.fee_minor),
            Leg(STRIPE, movement.net_minor),
        ),
    )


def reversal(
    *, payout_id: UUID, licence_id: UUID, payee_id: UUID, amount_minor: int, movement: Movement
) -> Entry:
    """A payee's transfer came back: they owe us that much less."""
    return Entry(
        key=f"reversal:{payout_id}",
        kind="reversal",
        currency=movement.currency,
        licence_id=licence_id,
        balance_transaction=movement.id,
        legs=_legs(
            Leg(STRIPE, movement.net_minor),
            Leg(PROCESSING_FEES, movement.fee_minor),
            Leg(RECEIVABLE, -amount_minor, payee_id),
        ),
    )


def _hold_key(licence_id: UUID) -> str:
    return f"authorisation:{licence_id}"


def _hold_legs(amount_minor: int) -> tuple[Leg, ...]:
    return (
        Leg(STRIPE, amount_minor, layer=Layer.PENDING),
        Leg(BUYER_CLEARING, -amount_minor, layer=Layer.PENDING),
    )


def _negated(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    return tuple(Leg(leg.code, -leg.amount_minor, leg.owner_id, leg.layer) for leg in legs)


def _legs(*legs: Leg) -> tuple[Leg, ...]:
    return tuple(leg for leg in legs if leg.amount_minor)
