"""Clocks, notice contents and states, by regime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from rights.takedowns import rules
from rights.takedowns.rules import RULES, Regime

FRIDAY_EVENING = datetime(
    2026, 7, 3, 22, 30, tzinfo=UTC
)  # US: 3 July is Independence Day, observed.
HOUR = timedelta(hours=1)


class TestClocks:
    @pytest.mark.parametrize(
        ("regime", "hold_h", "decide_h"),
        [
            (Regime.INTIMATE_IMAGE, 0, 48),
            (Regime.CHILD_SAFETY, 0, 24),
            (Regime.COURT_ORDER, 1, 24),
            (Regime.COPYRIGHT, None, 24),
            (Regime.LIKENESS, None, 24),
            (Regime.DSA_NOTICE, None, 24),
        ],
    )
    def test_of_hours_run_over_the_weekend(
        self, regime: Regime, hold_h: int | None, decide_h: int
    ) -> None:
        due = rules.clocks(regime, received_at=FRIDAY_EVENING, country="US")

        wanted = None if hold_h is None else FRIDAY_EVENING + hold_h * HOUR
        assert (due.hold_due_at, due.decide_due_at) == (wanted, FRIDAY_EVENING + decide_h * HOUR)

    def test_of_an_estate_hold_in_a_day_and_decide_in_five_business_days(self) -> None:
        monday = datetime(2026, 6, 1, 12, tzinfo=UTC)

        due = rules.clocks(Regime.ESTATE, received_at=monday, country="US")

        assert due.hold_due_at == monday + 24 * HOUR
        assert due.decide_due_at == monday + timedelta(days=7)

    def test_every_regime_decides_by_hours_or_by_business_days_and_names_a_source(self) -> None:
        for rule in RULES.values():
            by = (rule.decide_within_h, rule.decide_within_business_days)
            assert by.count(None) == 1
            assert rule.source
        assert set(RULES) == set(Regime)


class TestAddBusinessDays:
    @pytest.mark.parametrize(
        ("start", "days", "country", "ends"),
        [
            ("2026-06-05", 1, "US", "2026-06-08"),  # Friday to Monday.
            ("2026-06-06", 1, "US", "2026-06-08"),  # From a Saturday.
            ("2026-07-02", 1, "US", "2026-07-06"),  # Over the observed 4 July.
            ("2026-07-02", 1, "FR", "2026-07-03"),
            ("2026-07-13", 1, "FR", "2026-07-15"),  # Over 14 July.
            ("2026-12-31", 1, "US", "2027-01-04"),  # Over New Year and a weekend.
            ("2026-06-05", 1, "ZZ", "2026-06-08"),  # A country without a calendar.
            ("2026-06-05", 0, "US", "2026-06-05"),
        ],
    )
    def test_skips_weekends_and_holidays(
        self, start: str, days: int, country: str, ends: str
    ) -> None:
        at = datetime.fromisoformat(f"{start}T09:30:00+00:00")

        found = rules.add_business_days(at, days=days, country=country)

        assert found == datetime.fromisoformat(f"{ends}T09:30:00+00:00")


class TestMissing:
    @pytest.mark.parametrize("regime", list(Regime))
    def test_names_each_thing_that_is_not_there(self, regime: Regime) -> None:
        whole: dict[str, object] = dict.fromkeys(RULES[regime].notice_needs, "given")

        assert rules.missing(regime, whole) == []
        for name in whole:
            assert rules.missing(regime, {**whole, name: ""}) == [name]
        assert rules.missing(regime, {}) == list(RULES[regime].notice_needs)

    def test_takes_a_statement_that_is_not_made_for_missing(self) -> None:
        notice = {"signature": "A", "target": "x", "contact_email": "a@b.c", "good_faith": False}

        assert rules.missing(Regime.INTIMATE_IMAGE, notice) == ["good_faith"]


class TestFirstState:
    @pytest.mark.parametrize(
        ("is_held", "missing", "state"),
        [
            (True, [], "held"),
            (True, ["signature"], "held"),
            (False, ["signature"], "cure_asked"),
            (False, [], "received"),
        ],
    )
    def test_holds_what_must_be_held_whatever_it_lacks(
        self, is_held: bool, missing: list[str], state: str
    ) -> None:
        assert rules.first_state(is_held=is_held, missing=missing) == state


def test_a_decided_case_goes_nowhere() -> None:
    for before, after in product(("upheld", "rejected"), rules.TRANSITIONS):
        assert not rules.may_go(before, after)
