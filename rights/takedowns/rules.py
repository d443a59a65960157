"""The regimes of a takedown: what a notice must have, and by when what must have happened. Pure.

Hours are wall-clock hours, also over weekends, where the law says hours; business days know holidays.
Each regime names its source. NO FAKES is a bill and has no row here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import holidays


class Regime(StrEnum):
    """The law or policy that a notice is given under."""

    INTIMATE_IMAGE = "intimate_image"
    COPYRIGHT = "copyright"
    LIKENESS = "likeness"
    ESTATE = "estate"
    CHILD_SAFETY = "child_safety"
    COURT_ORDER = "court_order"
    DSA_NOTICE = "dsa_notice"


@dataclass(frozen=True)
class RegimeRule:
    """`hold_within_h` 0: held at once on receipt; None: no hold before the decision.

    Exactly one of `decide_within_h` and `decide_within_business_days` is set.
    """

    source: str
    notice_needs: tuple[str, ...]
    hold_within_h: int | None
    decide_within_h: int | None
    decide_within_business_days: int | None
    ground: str  # The hold's ground, and the statement's.


RULES: Mapping[Regime, RegimeRule] = {
    Regime.INTIMATE_IMAGE: RegimeRule(
        "TAKE IT DOWN Act, section 3 (in force for platforms since 19 May 2026)",
        ("signature", "target", "good_faith", "contact_email"),
        0, 48, None, "intimate-image-report",
    ),
    Regime.COPYRIGHT: RegimeRule(
        "17 U.S.C. 512(c)(3)",
        ("signature", "statement", "target", "contact_email", "good_faith", "accuracy"),
        None, 24, None, "takedown",
    ),
    Regime.LIKENESS: RegimeRule(
        "policy: likeness of a living person",
        ("contact_name", "target", "statement", "no_consent"),
        None, 24, None, "takedown",
    ),
    Regime.ESTATE: RegimeRule(
        "policy: likeness of a deceased person, by a verified estate",
        ("estate_id", "target", "statement"),
        24, None, 5, "takedown",
    ),
    Regime.CHILD_SAFETY: RegimeRule(
        "policy: anyone may report", ("target",), 0, 24, None, "child-safety"
    ),
    Regime.COURT_ORDER: RegimeRule(
        # A person reads the order first: anybody can say that there is one.
        "the order itself", ("target", "statement", "contact_email"), 1, 24, None, "court-order",
    ),
    Regime.DSA_NOTICE: RegimeRule(
        "Regulation (EU) 2022/2065, Article 16",
        ("statement", "target", "contact_name", "contact_email", "good_faith"),
        None, 24, None, "takedown",
    ),
}  # fmt: skip

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "received": ("held", "upheld", "rejected"),
    "cure_asked": ("received", "held", "upheld", "rejected"),
    "held": ("upheld", "rejected"),
    "upheld": (),
    "rejected": (),
}


@dataclass(frozen=True)
class Clocks:
    """When a case must be held (None: needs no hold) and decided."""

    hold_due_at: datetime | None
    decide_due_at: datetime


def missing(regime: Regime, notice: Mapping[str, object]) -> list[str]:
    """Return what the regime's notice must have, and this one lacks, in the rule's order."""
    return [field for field in RULES[regime].notice_needs if not notice.get(field)]


def clocks(regime: Regime, *, received_at: datetime, country: str) -> Clocks:
    """Return a case's deadlines, counted from receipt."""
    rule = RULES[regime]
    hold = rule.hold_within_h
    if rule.decide_within_h is not None:
        decide = received_at + timedelta(hours=rule.decide_within_h)
    else:
        days = rule.decide_within_business_days or 0
        decide = add_business_days(received_at, days=days, country=country)
    return Clocks(None if hold is None else received_at + timedelta(hours=hold), decide)


def add_business_days(moment: datetime, *, days: int, country: str) -> datetime:
    """Return the same time of day, so many business days later in that country.

    Saturdays, Sundays and public holidays do not count; an unknown country has no holidays.
    """
    try:
        closed = holidays.country_holidays(country)
    except NotImplementedError:
        closed = None
    while days > 0:
        moment += timedelta(days=1)
        if _is_business_day(moment.date(), closed):
            days -= 1
    return moment


def _is_business_day(day: date, closed: object) -> bool:
    return day.weekday() < 5 and (closed is None or day not in closed)  # type: ignore[operator]  # A dict of dates.


def may_go(before: str, after: str) -> bool:
    """Return whether a case may go from one state to another."""
    return after in TRANSITIONS[before]


def first_state(*, is_held: bool, missing: Sequence[str]) -> str:
    """Return the state that a case starts in. What must be held at once is, whatever it lacks."""
    if is_held:
        return "held"
    return "cure_asked" if missing else "received"
