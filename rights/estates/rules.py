"""How long a law protects a likeness after death. Pure; each rule carries its source.

These are facts to decide with, not legal advice: a domicile without a rule is decided by a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "submitted": ("verified", "disputed", "rejected"),
    "verified": ("disputed", "ended"),
    "disputed": ("verified", "ended"),
    "rejected": (),
    "ended": (),
}


@dataclass(frozen=True)
class TermRule:
    """One law's term: `years` after death, for deaths from `deaths_from` on.

    `needs_registration`: nothing is protected before a registration.
    """

    years: int
    source: str
    deaths_from: date | None = None
    needs_registration: bool = False
    while_used: bool = False  # Goes on after the years for as long as it is used.
    is_adopted: bool = True  # False: announced, and its adoption not verified.


TERMS: dict[str, TermRule] = {
    "US-CA": TermRule(70, "California Civil Code 3344.1"),
    "US-NY": TermRule(
        40,
        "New York Civil Rights Law 50-f",
        deaths_from=date(2021, 5, 29),
        needs_registration=True,
    ),
    "US-TN": TermRule(10, "Tennessee Code 47-25-1104", while_used=True),
    "US-TX": TermRule(50, "Texas Property Code 26.012", needs_registration=True),
    "DK": TermRule(50, "Danish bill on imitations of personal characteristics", is_adopted=False),
}
# A country, or one of its parts: US-CA, DK.
_DOMICILE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


@dataclass(frozen=True)
class Term:
    """Until when (excluded) a likeness is protected, and why. `until` None: a person decides.

    `at_least_until` is known where the end is not.
    """

    until: date | None
    reason: str
    source: str | None
    at_least_until: date | None = None

    def has_ended(self, *, on: date) -> bool:
        """Return whether the rule says that nothing is protected any more."""
        return self.until is not None and on >= self.until


def is_domicile(code: str) -> bool:
    """Return whether a code has the form of ISO 3166-1 alpha-2 or 3166-2, in capitals."""
    return _DOMICILE.fullmatch(code) is not None


def term(*, domicile: str, died_on: date, registered_on: date | None) -> Term:
    """Return the protection's end by the rule of the domicile, where one is known."""
    rule = TERMS.get(domicile.upper())
    if rule is None:
        return Term(None, "no-rule-for-domicile", None)
    if not rule.is_adopted:
        return Term(None, "adoption-unverified", rule.source)
    if rule.deaths_from is not None and died_on < rule.deaths_from:
        return Term(None, "died-before-the-law", rule.source)
    if rule.needs_registration and registered_on is None:
        return Term(None, "not-registered", rule.source)
    ends = _years_after(died_on, rule.years)
    if rule.while_used:
        return Term(None, "then-while-used", rule.source, at_least_until=ends)
    return Term(ends, "by-rule", rule.source)


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February in a year that has none.
        return date(day.year + years, 3, 1)


def may_go(before: str, after: str) -> bool:
    """Return whether a claim may go from one state to another."""
    return after in TRANSITIONS[before]
