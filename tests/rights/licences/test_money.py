"""Splits: exact in the sum, the same every time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rights.licences import money

weights = st.lists(st.integers(0, 10**8), min_size=1, max_size=20).filter(sum)
totals = st.integers(0, 10**10)


class TestSplit:
    @given(total=totals, weights=weights)
    def test_parts_sum_to_the_whole(self, total: int, weights: list[int]) -> None:
        assert sum(money.split(total, weights)) == total

    @given(total=totals, weights=weights)
    def test_is_within_one_of_the_exact_share(self, total: int, weights: list[int]) -> None:
        for part, weight in zip(money.split(total, weights), weights, strict=True):
            assert abs(part * sum(weights) - total * weight) < sum(weights)

    @given(total=totals, weights=weights)
    def test_gives_nothing_for_nothing(self, total: int, weights: list[int]) -> None:
        parts = money.split(total, weights)

        assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if not weight)

    @given(total=totals, weights=weights)
    def test_never_gives_more_for_less(self, total: int, weights: list[int]) -> None:
        ordered = sorted(weights, reverse=True)
        parts = money.split(total, ordered)

        assert list(parts) == sorted(parts, reverse=True)

    @given(steps=st.integers(0, 10**6), weights=weights, step=st.sampled_from([1, 10, 100]))
    def test_keeps_to_the_currencys_step(self, steps: int, weights: list[int], step: int) -> None:
        parts = money.split(steps * step, weights, step_minor=step)

        assert all(part % step == 0 for part in parts)
        assert sum(parts) == steps * step

    def test_gives_one_unit_to_the_first_of_equals(self) -> None:
        assert money.split(1, [1, 1, 1]) == (1, 0, 0)
        assert money.split(2, [1, 1, 1]) == (1, 1, 0)

    def test_gives_what_is_less_than_a_step_to_the_largest(self) -> None:
        assert money.split(15, [1, 2], step_minor=10) == (0, 15)

    def test_of_nothing_among_nobody_is_nothing(self) -> None:
        assert money.split(0, [0, 0]) == (0, 0)

    @pytest.mark.parametrize(
        ("total", "weights", "step"), [(1, [0], 1), (-1, [1], 1), (1, [-1, 2], 1), (1, [1], 0)]
    )
    def test_refuses_what_has_no_answer(self, total: int, weights: list[int], step: int) -> None:
        with pytest.raises(ValueError, match=r"negative|nobody"):
            money.split(total, weights, step_minor=step)


class TestFeesByLine:
    @given(
        amounts=st.lists(st.integers(1, 10**8), min_size=1, max_size=10),
        fee_bps=st.integers(0, 10_000),
    )
    def test_sums_to_the_platforms_fee_and_never_exceeds_a_line(
        self, amounts: list[int], fee_bps: int
    ) -> None:
        parts = money.fees_by_line(amounts, fee_bps=fee_bps)

        assert sum(parts) == sum(amounts) * fee_bps // 10_000
        assert all(0 <= part <= amount for part, amount in zip(parts, amounts, strict=True))

    def test_rounds_in_the_payees_favour(self) -> None:
        assert money.fees_by_line([999], fee_bps=1_000) == (99,)

    def test_takes_whole_steps_of_three_decimal_currencies(self) -> None:
        assert money.fees_by_line([1_250, 1_250], fee_bps=1_000, step_minor=10) == (130, 120)

    @pytest.mark.parametrize("fee_bps", [-1, 10_001])
    def test_refuses_a_fee_beyond_the_whole(self, fee_bps: int) -> None:
        with pytest.raises(ValueError, match="basis points"):
            money.platform_fee([100], fee_bps=fee_bps)


class TestCurrencies:
    def test_are_lower_case_and_named_by_their_code(self) -> None:
        assert all(code == it.code == code.lower() for code, it in money.CURRENCIES.items())

    def test_have_minimums_that_are_whole_steps(self) -> None:
        assert all(it.least_minor % it.step_minor == 0 for it in money.CURRENCIES.values())
