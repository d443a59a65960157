"""Rules of a cameo: whose it may be open to, what its terms may say, which changes tighten. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ledger.cameos.errors import (
    MinorAudienceTooWide,
    PreferencesMalformed,
    TermsMalformed,
    TermsSexual,
)

AUDIENCES = ("self", "approved", "mutuals", "everyone")  # Narrowest first.
MINOR_AUDIENCE_MAX = "approved"
PURPOSES = ("personal", "commercial", "advertising", "political")

TOPICS_MAX = 50
TOPIC_LENGTH_MAX = 60
TERRITORIES_MAX = 250
CLIP_SECONDS_MAX = 600
RENDERS_MAX = 1_000_000
FEE_MINOR_MAX = 100_000_000

PREFERENCE_LENGTHS_MAX = {"pronouns": 40, "clothing": 200, "restrictions": 1000}


class State(StrEnum):
    """The states of a cameo, as consent reads them: only an active one is ever used."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"
    PURGED = "purged"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.ACTIVE, State.PURGED}),
    State.ACTIVE: frozenset({State.SUSPENDED, State.RETIRED, State.PURGED}),
    State.SUSPENDED: frozenset({State.ACTIVE, State.RETIRED, State.PURGED}),
    State.RETIRED: frozenset({State.PURGED}),
    State.PURGED: frozenset(),
}


def is_narrower(after: str, *, than: str) -> bool:
    """Return whether fewer people are in the audience `after` than in `than`.

    Each audience holds all who are in the one before it: `self`, `approved`, `mutuals`, `everyone`.
    """
    return AUDIENCES.index(after) < AUDIENCES.index(than)


def check_audience(audience: str, *, of_minor: bool) -> None:
    """Raise `MinorAudienceTooWide` where a minor's cameo would be open beyond `approved`.

    Source: docs/spec/enrolment.md, "Minors".
    """
    if of_minor and is_narrower(MINOR_AUDIENCE_MAX, than=audience):
        raise MinorAudienceTooWide(audience=audience, limit=MINOR_AUDIENCE_MAX)


@dataclass(frozen=True)
class Fee:
    """What one render for one purpose costs anyone but the owner."""

    amount_minor: int
    currency: str


@dataclass(frozen=True)
class TermsValue:
    """What one version of the terms says. An empty `territories` is everywhere."""

    purposes: frozenset[str] = frozenset({"personal"})
    remix_allowed: bool = False
    draft_approval: bool = False
    forbidden_topics: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()
    seconds_max: int = 60
    renders_max: int | None = None
    renders_per_day_max: int | None = None
    fees: Mapping[str, Fee] = field(default_factory=dict)
    training_allowed: bool = False


def check_terms(terms: TermsValue) -> None:
    """Raise unless the terms are within their bounds.

    Raises:
        TermsSexual: `sexual` is among the purposes or has a fee.
        TermsMalformed: `field` names what is out of bounds.
    """
    if "sexual" in terms.purposes or "sexual" in terms.fees:
        raise TermsSexual
    broken = next((name for name, holds in _bounds(terms) if not holds), None)
    if broken is not None:
        raise TermsMalformed(field=broken)


def _bounds(terms: TermsValue) -> Iterable[tuple[str, bool]]:
    topics = terms.forbidden_topics
    yield "purposes", terms.purposes <= frozenset(PURPOSES)
    yield "forbidden_topics", len(topics) <= TOPICS_MAX and all(map(_is_topic, topics))
    yield (
        "territories",
        len(terms.territories) <= TERRITORIES_MAX
        and all(re.fullmatch(r"[A-Z]{2}", territory) for territory in terms.territories),
    )
    yield "seconds_max", 1 <= terms.seconds_max <= CLIP_SECONDS_MAX
    yield "renders_max", terms.renders_max is None or 0 <= terms.renders_max <= RENDERS_MAX
    daily = terms.renders_per_day_max
    yield "renders_per_day_max", daily is None or 0 <= daily <= RENDERS_MAX
    yield "fees", terms.fees.keys() <= terms.purposes and all(map(_is_fee, terms.fees.values()))


def _is_topic(topic: str) -> bool:
    return 0 < len(topic) <= TOPIC_LENGTH_MAX and topic == topic.strip() and is_plain(topic)


def _is_fee(fee: Fee) -> bool:
    in_bounds = 0 < fee.amount_minor <= FEE_MINOR_MAX
    return in_bounds and re.fullmatch(r"[a-z]{3}", fee.currency) is not None


def tightens(before: TermsValue, after: TermsValue) -> bool:
    """Return whether some use that `before` allows might be denied, or cost more, under `after`.

    When in doubt it says yes: a needless check of open uses costs little, a missed one is a leak.
    """
    return (
        not before.purposes <= after.purposes
        or (before.remix_allowed and not after.remix_allowed)
        or (after.draft_approval and not before.draft_approval)
        or not after.forbidden_topics <= before.forbidden_topics
        or _covers_less(before.territories, after.territories)
        or after.seconds_max < before.seconds_max
        or _is_lower(before.renders_max, after.renders_max)
        or _is_lower(before.renders_per_day_max, after.renders_per_day_max)
        or _costs_more(before.fees, after.fees)
        or (before.training_allowed and not after.training_allowed)
    )


def _covers_less(before: frozenset[str], after: frozenset[str]) -> bool:
    if not after:
        return False
    return not before or not before <= after


def _is_lower(before: int | None, after: int | None) -> bool:
    if after is None:
        return False
    return before is None or after < before


def _costs_more(before: Mapping[str, Fee], after: Mapping[str, Fee]) -> bool:
    for purpose, fee in after.items():
        old = before.get(purpose)
        if old is None or old.currency != fee.currency or fee.amount_minor > old.amount_minor:
            return True
    return False


@dataclass(frozen=True)
class Preferences:
    """What travels with each render job, as fields and never as a part of a prompt."""

    pronouns: str = ""
    clothing: str = ""
    restrictions: str = ""

    def as_json(self) -> dict[str, str]:
        return {
            "pronouns": self.pronouns,
            "clothing": self.clothing,
            "restrictions": self.restrictions,
        }


def check_preferences(preferences: Preferences) -> None:
    """Raise `PreferencesMalformed` with the `field` that is too long or not plain text."""
    for name, value in preferences.as_json().items():
        if len(value) > PREFERENCE_LENGTHS_MAX[name] or not is_plain(value):
            raise PreferencesMalformed(field=name, length_max=PREFERENCE_LENGTHS_MAX[name])


def is_plain(text: str) -> bool:
    """Return whether a text has no control, surrogate or private characters; line feeds may be."""
    return not any(
        unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"} and character != "\n"
        for character in text
    )
