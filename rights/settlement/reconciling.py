"""Comparing Stripe's own lines about our balance with the books, down to zero difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from rights.settlement.entries import STRIPE, Layer, Movement
from rights.settlement.gateway import Stripe
from rights.settlement.models import Transfer

# Money that moves between our balance and our own bank account is no business of these books.
OWN_BANK = frozenset({"payout", "payout_failure", "payout_cancel", "topup", "topup_reversal"})
CLOCKS_DIFFER_BY = timedelta(hours=1)


class Cause(StrEnum):
    """What kind of drift it is."""

    NOT_BOOKED = "not-booked"  # Stripe moved money that the books know nothing of.
    NOT_AT_STRIPE = "not-at-stripe"  # The books name a movement that Stripe does not list.
    AMOUNT_DIFFERS = "amount-differs"
    CURRENCY_DIFFERS = "currency-differs"


@dataclass(frozen=True)
class Drift:
    """One difference, named by Stripe's balance transaction. Amounts in minor units, net of fees."""

    cause: Cause
    balance_transaction: str
    kind: str
    source: str
    currency: str
    stripe_minor: int
    books_minor: int


@dataclass(frozen=True)
class Booked:
    """What the books say of one balance transaction."""

    kind: str
    currency: str
    net_minor: int


@dataclass(frozen=True)
class Reconciliation:
    """How many movements were compared, and each that differs."""

    compared: int
    drifts: tuple[Drift, ...]


def compare(movements: Iterable[Movement], booked: Mapping[str, Booked]) -> Iterator[Drift]:
    """Yield each difference between Stripe's movements and what is booked. Pure."""
    seen = set()
    for movement in movements:
        seen.add(movement.id)
        row = booked.get(movement.id)
        if row is None:
            if movement.kind not in OWN_BANK:
                yield _drift(Cause.NOT_BOOKED, movement, books_minor=0)
        elif row.currency != movement.currency:
            yield _drift(Cause.CURRENCY_DIFFERS, movement, books_minor=row.net_minor)
        elif row.net_minor != movement.net_minor:
            yield _drift(Cause.AMOUNT_DIFFERS, movement, books_minor=row.net_minor)
    for identity in sorted(booked.keys() - seen):
        row = booked[identity]
        yield Drift(Cause.NOT_AT_STRIPE, identity, row.kind, "", row.currency, 0, row.net_minor)


def reconcile(*, since: datetime, until: datetime, stripe: Stripe) -> Reconciliation:
    """Compare every movement of a period with the books. Writes nothing.

    What the books wrote near the period's edges may belong to a movement beside it, so such a row
    counts as missing at Stripe only if it lies inside by more than an hour.
    """
    movements = list(stripe.movements(since=since, until=until))
    booked = _booked(since=since, until=until, also=[movement.id for movement in movements])
    return Reconciliation(len(movements), tuple(compare(movements, booked)))


def _booked(*, since: datetime, until: datetime, also: list[str]) -> dict[str, Booked]:
    net = Coalesce(
        Sum(
            "postings__amount_minor",
            filter=Q(postings__account__code=STRIPE, postings__layer=Layer.POSTED),
        ),
        0,
    )
    inside = Q(at__gte=since + CLOCKS_DIFFER_BY, at__lt=until - CLOCKS_DIFFER_BY)
    rows = (
        Transfer.objects.exclude(balance_transaction="")
        .filter(inside | Q(balance_transaction__in=also))
        .values("balance_transaction", "kind", "postings__account__currency")
        .annotate(net=net)
    )
    return {
        row["balance_transaction"]: Booked(
            row["kind"], row["postings__account__currency"], row["net"]
        )
        for row in rows
    }


def _drift(cause: Cause, movement: Movement, *, books_minor: int) -> Drift:
    return Drift(
        cause,
        movement.id,
        movement.kind,
        movement.source,
        movement.currency,
        movement.net_minor,
        books_minor,
    )
