"""How long a likeness is protected, by the table of rules."""

from __future__ import annotations

from datetime import date

import pytest

from rights.estates import rules
from rights.estates.rules import Term

DAY = date(2022, 3, 1)


class TestTerm:
    @pytest.mark.parametrize(
        ("domicile", "died_on", "registered_on", "until", "reason"),
        [
            ("US-CA", DAY, None, date(2092, 3, 1), "by-rule"),
            ("us-ca", DAY, None, date(2092, 3, 1), "by-rule"),
            ("US-NY", DAY, DAY, date(2062, 3, 1), "by-rule"),
            ("US-NY", DAY, None, None, "not-registered"),
            ("US-NY", date(2021, 5, 28), DAY, None, "died-before-the-law"),
            ("US-NY", date(2021, 5, 29), DAY, date(2061, 5, 29), "by-rule"),
            ("US-TN", DAY, None, None, "then-while-used"),
            ("US-TX", DAY, None, None, "not-registered"),
            ("US-TX", DAY, DAY, date(2072, 3, 1), "by-rule"),
            ("DK", DAY, DAY, None, "adoption-unverified"),
            ("FR", DAY, DAY, None, "no-rule-for-domicile"),
        ],
    )
    def test_follows_the_rule_of_the_domicile(
        self, domicile: str, died_on: date, registered_on: date | None, until: date | None,
        reason: str,
    ) -> None:  # fmt: skip
        found = rules.term(domicile=domicile, died_on=died_on, registered_on=registered_on)

        assert (found.until, found.reason) == (until, reason)

    def test_of_tennessee_is_ten_years_at_least(self) -> None:
        found = rules.term(domicile="US-TN", died_on=DAY, registered_on=None)

        assert found.at_least_until == date(2032, 3, 1)

    def test_of_a_leap_day_ends_on_the_first_of_march(self) -> None:
        found = rules.term(domicile="US-CA", died_on=date(2020, 2, 29), registered_on=None)

        assert found.until == date(2090, 3, 1)

    def test_carries_a_source_wherever_there_is_a_rule(self) -> None:
        assert all(rule.source for rule in rules.TERMS.values())


class TestHasEnded:
    @pytest.mark.parametrize(
        ("on", "ended"), [(date(2062, 2, 28), False), (date(2062, 3, 1), True)]
    )
    def test_excludes_its_last_day(self, on: date, ended: bool) -> None:
        assert Term(date(2062, 3, 1), "by-rule", None).has_ended(on=on) is ended

    def test_never_says_so_where_a_person_decides(self) -> None:
        assert not Term(None, "no-rule-for-domicile", None).has_ended(on=date.max)


class TestIsDomicile:
    @pytest.mark.parametrize("code", ["US-CA", "DK", "GB-ENG", "FR-75"])
    def test_takes_codes(self, code: str) -> None:
        assert rules.is_domicile(code)

    @pytest.mark.parametrize("code", ["", "California", "us-ca", "US-", "USA", "US-CALI", "U1"])
    def test_takes_nothing_else(self, code: str) -> None:
        assert not rules.is_domicile(code)
