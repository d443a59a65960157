"""What a use costs: decided from fees alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from rights.licences import money
from rights.licences.errors import (
    AmountNotChargeable,
    CurrenciesDiffer,
    CurrencyUnknown,
    NothingToPay,
)

LINES_MAX = 100


class Fee(Protocol):
    """What one cameo's owner asks for one use. `ledger.consent` calls it `FeeDue`."""

    @property
    def cameo_id(self) -> UUID: ...
    @property
    def payee_id(self) -> UUID: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


@dataclass(frozen=True)
class Line:
    """One fee, and the platform's part of it, in minor units."""

    cameo_id: UUID
    payee_id: UUID
    amount_minor: int
    fee_minor: int


@dataclass(frozen=True)
class Quote:
    """What the buyer pays in all, and its lines, by cameo."""

    currency: str
    amount_minor: int
    lines: tuple[Line, ...]


def price(fees: Sequence[Fee], *, fee_bps: int) -> Quote:
    """Return the quote of these fees. The same fees in any order give the same quote.

    Raises:
        NothingToPay: no fees, more than 100, a cameo twice, or an amount that is not positive.
        CurrenciesDiffer: more than one currency.
        CurrencyUnknown: a currency that Stripe is not asked to charge.
        AmountNotChargeable: below the minimum, above eight digits, or not a multiple of the step.
    """
    is_each_once = len({fee.cameo_id for fee in fees}) == len(fees)
    if not 0 < len(fees) <= LINES_MAX or not is_each_once:
        raise NothingToPay(lines=len(fees), limit=LINES_MAX)
    if any(fee.amount_minor <= 0 for fee in fees):
        raise NothingToPay(lines=len(fees), limit=LINES_MAX)
    codes = sorted({fee.currency for fee in fees})
    if len(codes) > 1:
        raise CurrenciesDiffer(currencies=codes)
    currency = money.CURRENCIES.get(codes[0])
    if currency is None:
        raise CurrencyUnknown(currency=codes[0])
    ordered = sorted(fees, key=lambda fee: fee.cameo_id)
    amounts = [fee.amount_minor for fee in ordered]
    _check_chargeable(amounts, currency)
    parts = money.fees_by_line(amounts, fee_bps=fee_bps, step_minor=currency.step_minor)
    return Quote(
        currency.code,
        sum(amounts),
        tuple(
            Line(fee.cameo_id, fee.payee_id, fee.amount_minor, part)
            for fee, part in zip(ordered, parts, strict=True)
        ),
    )


def _check_chargeable(amounts: Sequence[int], currency: money.Currency) -> None:
    total = sum(amounts)
    most = 10**money.DIGITS_MAX - 1
    is_stepped = all(amount % currency.step_minor == 0 for amount in amounts)
    if not (currency.least_minor <= total <= most and is_stepped):
        raise AmountNotChargeable(
            amount_minor=total,
            currency=currency.code,
            least_minor=currency.least_minor,
            most_minor=most,
            step_minor=currency.step_minor,
        )
