"""How long a law protects a likeness after death. Pure; each rule carries its source.

These are facts to decide with, not legal advice: a domicile without a rule is decided by a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


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


TERMS: dict[str, TermRule] = {
    "US-CA": TermRule(70, "California Civil Code 3344.1", needs_registration=False),
    "US-NY": TermRule(
        40,
        "New York Civil Rights Law 50-f",
        deaths_from=date(2021, 5, 29),
        needs_registration=True,
    ),
    "US-TN": TermRule(10, "Tennessee Code 47-25-1104", while_used=True),
    "US-TX": TermRule(50, "Texas Property Code 26.012", needs_registration=True),
}


@dataclass(frozen=True)
class Term:
    """Until when a likeness is protected, and why. `until` None: a person decides."""

    until: date | None
    reason: str
    source: str | None


def term(*, domicile: str, died_on: date, registered_on: date | None) -> Term:
    """Return the protection's end by the rule of the domicile, where one is known."""
    rule = TERMS.get(domicile.upper())
    if rule is None:
        return Term(None, "no-rule-for-domicile", None)
    if rule.deaths_from is not None and died_on < rule.deaths_from:
        return Term(None, "died-before-the-law", rule.source)
    if rule.needs_registration and registered_on is None:
        return Term(None, "not-registered", rule.source)
    if rule.while_used:
        return Term(None, "protected-while-used", rule.source)
    return Term(_years_after(died_on, rule.years), "by-rule", rule.source)


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February in a year that has none.
        return date(day.year + years, 3, 1)


def holders_decide(shares_bps: list[int]) -> bool:
    """Return whether these holders together may decide: more than half of the shares."""
    return sum(shares_bps) > 5_000
