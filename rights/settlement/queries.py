"""Reads of money."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from rights.settlement.models import PayeeAccount, Posting


@dataclass(frozen=True)
class Balance:
    """One sum of the books, in minor units; debits are positive."""

    code: str
    currency: str
    posted_minor: int
    pending_minor: int


@dataclass(frozen=True)
class Books:
    """Every balance, and whether debits equal credits in each currency and layer."""

    balances: tuple[Balance, ...]
    is_balanced: bool


def payable(account_ids: frozenset[UUID]) -> frozenset[UUID]:
    """Return which of these people can be paid now (`LICENCE_PAYEE_SOURCE`). One query."""
    return frozenset(
        PayeeAccount.objects.filter(
            account_id__in=account_ids, state=PayeeAccount.State.ACTIVE
        ).values_list("account_id", flat=True)
    )


def books(*, owner_id: UUID | None = None) -> Books:
    """Return the balances by account code and currency; of one person's accounts, when given.

    At most six codes for each currency. `is_balanced` is always about all the books. Two queries.
    """
    postings = Posting.objects.all()
    if owner_id is not None:
        postings = postings.filter(account__owner_id=owner_id)
    rows = (
        postings.values("account__code", "account__currency")
        .annotate(posted=_sum("posted"), pending=_sum("pending"))
        .order_by("account__currency", "account__code")
    )
    off = (
        Posting.objects.values("account__currency", "layer")
        .annotate(total=Sum("amount_minor"))
        .exclude(total=0)
    )
    return Books(
        balances=tuple(
            Balance(row["account__code"], row["account__currency"], row["posted"], row["pending"])
            for row in rows
        ),
        is_balanced=not off.exists(),
    )


def _sum(layer: str) -> Coalesce:
    return Coalesce(Sum("amount_minor", filter=Q(layer=layer)), 0)
