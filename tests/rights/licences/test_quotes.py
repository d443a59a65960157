"""Prices: one currency, whole steps, within what can be charged."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.consent.rules import FeeDue
from rights.licences import quotes
from rights.licences.errors import (
    AmountNotChargeable,
    CurrenciesDiffer,
    CurrencyUnknown,
    NothingToPay,
)


def fee(amount_minor: int, currency: str = "usd") -> FeeDue:
    return FeeDue(uuid.uuid4(), uuid.uuid4(), amount_minor, currency)


class TestPrice:
    def test_sums_the_fees_and_takes_the_platforms_part_of_each(self) -> None:
        quote = quotes.price([fee(1_000), fee(2_000)], fee_bps=1_000)

        assert (quote.amount_minor, quote.currency) == (3_000, "usd")
        assert sorted(line.fee_minor for line in quote.lines) == [100, 200]

    @given(amounts=st.lists(st.integers(50, 10**6), min_size=1, max_size=8), seed=st.randoms())
    def test_does_not_depend_on_the_order(self, amounts: list[int], seed: object) -> None:
        fees = [fee(amount) for amount in amounts]
        shuffled = list(fees)
        seed.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random.

        assert quotes.price(fees, fee_bps=777) == quotes.price(shuffled, fee_bps=777)

    def test_takes_one_currency_only(self) -> None:
        with pytest.raises(CurrenciesDiffer) as caught:
            quotes.price([fee(1_000, "usd"), fee(1_000, "eur")], fee_bps=0)

        assert caught.value.members == {"currencies": ["eur", "usd"]}

    @pytest.mark.parametrize("currency", ["xxx", "USD", "", "btc"])
    def test_refuses_a_currency_that_it_does_not_know(self, currency: str) -> None:
        with pytest.raises(CurrencyUnknown):
            quotes.price([fee(1_000, currency)], fee_bps=0)

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [(49, "usd"), (100_000_000, "usd"), (49, "jpy"), (150, "kwd"), (1_005, "kwd")],
    )
    def test_refuses_what_cannot_be_charged(self, amount: int, currency: str) -> None:
        with pytest.raises(AmountNotChargeable):
            quotes.price([fee(amount, currency)], fee_bps=0)

    @pytest.mark.parametrize(
        ("amount", "currency"), [(50, "usd"), (99_999_999, "usd"), (50, "jpy"), (160, "kwd")]
    )
    def test_takes_the_least_and_the_most(self, amount: int, currency: str) -> None:
        assert quotes.price([fee(amount, currency)], fee_bps=0).amount_minor == amount

    def test_keeps_dinars_in_whole_steps(self) -> None:
        quote = quotes.price([fee(1_250, "kwd"), fee(1_330, "kwd")], fee_bps=1_000)

        assert all(line.fee_minor % 10 == 0 for line in quote.lines)
        assert sum(line.fee_minor for line in quote.lines) == 250

    @pytest.mark.parametrize("amounts", [[], [0], [-100], [1_000] * 101])
    def test_refuses_nothing_and_too_much(self, amounts: list[int]) -> None:
        with pytest.raises(NothingToPay):
            quotes.price([fee(amount) for amount in amounts], fee_bps=0)

    def test_refuses_a_cameo_twice(self) -> None:
        twice = fee(1_000)

        with pytest.raises(NothingToPay):
            quotes.price([twice, twice], fee_bps=0)
