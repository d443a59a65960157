"""Money, in integers: currencies, limits, and splits whose parts sum exactly. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BASIS_POINTS = 10_000
DIGITS_MAX = 8  # Stripe takes at most 99,999,999 minor units in one charge.


@dataclass(frozen=True)
class Currency:
    """One currency as Stripe charges it.

    `step_minor` is what every amount must be a multiple of, `least_minor` the smallest charge.
    """

    code: str
    decimals: int
    least_minor: int
    step_minor: int = 1


# Source: https://docs.stripe.com/currencies (zero- and three-decimal currencies, minimum charges).
# Stripe asks that three-decimal amounts end in 0, and publishes no minimum for them: these are
# about half a US dollar, rounded up.
CURRENCIES = {
    currency.code: currency
    for currency in (
        Currency("aud", 2, 50),
        Currency("bhd", 3, 190, step_minor=10),
        Currency("brl", 2, 50),
        Currency("cad", 2, 50),
        Currency("chf", 2, 50),
        Currency("clp", 0, 500),
        Currency("czk", 2, 1500),
        Currency("dkk", 2, 250),
        Currency("eur", 2, 50),
        Currency("gbp", 2, 30),
        Currency("hkd", 2, 400),
        Currency("inr", 2, 5000),
        Currency("jod", 3, 360, step_minor=10),
        Currency("jpy", 0, 50),
        Currency("krw", 0, 700),
        Currency("kwd", 3, 160, step_minor=10),
        Currency("mxn", 2, 1000),
        Currency("nok", 2, 300),
        Currency("nzd", 2, 50),
        Currency("omr", 3, 200, step_minor=10),
        Currency("pln", 2, 200),
        Currency("ron", 2, 200),
        Currency("sek", 2, 300),
        Currency("sgd", 2, 50),
        Currency("thb", 2, 1000),
        Currency("tnd", 3, 1600, step_minor=10),
        Currency("usd", 2, 50),
        Currency("vnd", 0, 13_000),
        Currency("zar", 2, 1000),
    )
}


def split(total_minor: int, weights: Sequence[int], *, step_minor: int = 1) -> tuple[int, ...]:
    """Share `total_minor` in proportion to `weights`; the parts sum to it exactly.

    Largest remainder: each part is rounded down to a multiple of `step_minor`, and the steps left
    over go one each to the largest remainders; of equal ones, to the first. What is less than a step
    goes to the largest weight. The same input gives the same parts, always; no part is negative, and
    a weight of zero gets nothing.

    Raises:
        ValueError: a negative number, a step below 1, or no weight above zero to share among.
    """
    whole = sum(weights)
    if total_minor < 0 or step_minor < 1 or any(weight < 0 for weight in weights):
        raise ValueError("nothing here may be negative")
    if whole == 0:
        if total_minor:
            raise ValueError("there is nobody to share among")
        return tuple(0 for _ in weights)
    steps, loose_minor = divmod(total_minor, step_minor)
    parts = [steps * weight // whole for weight in weights]
    remainders = [steps * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-remainders[place], place))
    for place in by_remainder[: steps - sum(parts)]:
        parts[place] += 1
    shares = [part * step_minor for part in parts]
    shares[max(range(len(weights)), key=lambda place: (weights[place], -place))] += loose_minor
    return tuple(shares)


def platform_fee(amounts_minor: Sequence[int], *, fee_bps: int, step_minor: int = 1) -> int:
    """Return the platform's part of all lines together: rounded down, in the payees' favour.

    Raises:
        ValueError: the fee is not within 0 to 10,000 basis points.
    """
    if not 0 <= fee_bps <= BASIS_POINTS:
        raise ValueError("a fee is 0 to 10,000 basis points")
    fee_minor = sum(amounts_minor) * fee_bps // BASIS_POINTS
    return fee_minor - fee_minor % step_minor


def fees_by_line(
    amounts_minor: Sequence[int], *, fee_bps: int, step_minor: int = 1
) -> tuple[int, ...]:
    """Return the platform's part of each line: no more than the line, exact in the sum."""
    total_minor = platform_fee(amounts_minor, fee_bps=fee_bps, step_minor=step_minor)
    return split(total_minor, amounts_minor, step_minor=step_minor)
