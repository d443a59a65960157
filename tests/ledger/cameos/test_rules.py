"""Rules of cameos: bounds, and which changes tighten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cameos import rules
from ledger.cameos.errors import (
    MinorAudienceTooWide,
    PreferencesMalformed,
    TermsMalformed,
    TermsSexual,
)
from ledger.cameos.models import Cameo
from ledger.cameos.rules import Fee, Preferences, State, TermsValue

audiences = st.sampled_from(rules.AUDIENCES)
TERRITORIES = ("DE", "FR", "US")
TOPICS = ("smoking", "gambling", "war")


def _subsets(of: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(of))


caps = st.none() | st.integers(0, 5)
fees = st.builds(Fee, st.integers(1, 5), st.sampled_from(["usd", "eur"]))
terms = st.builds(
    TermsValue,
    purposes=_subsets(rules.PURPOSES),
    remix_allowed=st.booleans(),
    draft_approval=st.booleans(),
    forbidden_topics=_subsets(TOPICS),
    territories=_subsets(TERRITORIES),
    seconds_max=st.integers(1, 5),
    renders_max=caps,
    renders_per_day_max=caps,
    fees=st.dictionaries(st.sampled_from(rules.PURPOSES), fees),
    training_allowed=st.booleans(),
)


@dataclass(frozen=True)
class Ask:
    """One use, as little as terms look at."""

    purpose: str
    is_remix: bool
    topic: str
    territory: str
    seconds: int
    count_before: int
    count_today: int
    budget: Fee


asks = st.builds(
    Ask,
    purpose=st.sampled_from(rules.PURPOSES),
    is_remix=st.booleans(),
    topic=st.sampled_from((*TOPICS, "cooking")),
    territory=st.sampled_from(TERRITORIES),
    seconds=st.integers(1, 5),
    count_before=st.integers(0, 6),
    count_today=st.integers(0, 6),
    budget=fees,
)


def allows(said: TermsValue, ask: Ask) -> bool:
    """Return whether terms allow a use at once and within its budget: the oracle of these tests."""
    fee = said.fees.get(ask.purpose)
    return (
        ask.purpose in said.purposes
        and (said.remix_allowed or not ask.is_remix)
        and not said.draft_approval
        and ask.topic not in said.forbidden_topics
        and (not said.territories or ask.territory in said.territories)
        and ask.seconds <= said.seconds_max
        and (said.renders_max is None or ask.count_before < said.renders_max)
        and (said.renders_per_day_max is None or ask.count_today < said.renders_per_day_max)
        and (
            fee is None
            or (fee.currency == ask.budget.currency and fee.amount_minor <= ask.budget.amount_minor)
        )
    )


class TestIsNarrower:
    def test_orders_the_audiences_from_self_to_everyone(self) -> None:
        assert rules.is_narrower("self", than="approved")
        assert rules.is_narrower("approved", than="mutuals")
        assert rules.is_narrower("mutuals", than="everyone")

    @given(audiences, audiences)
    def test_is_never_true_both_ways(self, one: str, other: str) -> None:
        both = rules.is_narrower(one, than=other) + rules.is_narrower(other, than=one)

        assert both == (one != other)

    @given(audiences, audiences, audiences)
    def test_carries_over(self, one: str, two: str, three: str) -> None:
        if rules.is_narrower(one, than=two) and rules.is_narrower(two, than=three):
            assert rules.is_narrower(one, than=three)

    def test_knows_every_audience_of_the_rows(self) -> None:
        assert set(rules.AUDIENCES) == set(Cameo.Audience.values)


class TestCheckAudience:
    @pytest.mark.parametrize("audience", ["self", "approved"])
    def test_lets_a_minor_be_open_to_approved_people(self, audience: str) -> None:
        rules.check_audience(audience, of_minor=True)

    @pytest.mark.parametrize("audience", ["mutuals", "everyone"])
    def test_refuses_a_minor_more(self, audience: str) -> None:
        with pytest.raises(MinorAudienceTooWide) as refused:
            rules.check_audience(audience, of_minor=True)

        assert refused.value.members == {"audience": audience, "limit": "approved"}

    @given(audiences)
    def test_lets_an_adult_be_open_to_anybody(self, audience: str) -> None:
        rules.check_audience(audience, of_minor=False)


class TestTightens:
    @given(terms)
    def test_is_false_for_the_same_terms(self, said: TermsValue) -> None:
        assert not rules.tightens(said, said)

    @given(terms, terms, asks)
    def test_is_true_whenever_a_use_is_lost(
        self, before: TermsValue, after: TermsValue, ask: Ask
    ) -> None:
        if allows(before, ask) and not allows(after, ask):
            assert rules.tightens(before, after)

    @given(terms, terms, terms)
    def test_is_false_for_two_steps_that_are(
        self, one: TermsValue, two: TermsValue, three: TermsValue
    ) -> None:
        if not rules.tightens(one, two) and not rules.tightens(two, three):
            assert not rules.tightens(one, three)

    @pytest.mark.parametrize(
        "change",
        [
            {"purposes": frozenset()},
            {"remix_allowed": False},
            {"draft_approval": True},
            {"forbidden_topics": frozenset({"war"})},
            {"territories": frozenset({"DE"})},
            {"seconds_max": 59},
            {"renders_max": 10},
            {"renders_per_day_max": 1},
            {"fees": {"personal": Fee(1, "usd")}},
            {"training_allowed": False},
        ],
    )
    def test_is_true_for_each_member_alone(self, change: dict[str, Any]) -> None:
        wide = TermsValue(remix_allowed=True, training_allowed=True)

        assert rules.tightens(wide, replace(wide, **change))
        assert not rules.tightens(replace(wide, **change), wide)

    def test_is_true_for_another_currency(self) -> None:
        before = TermsValue(fees={"personal": Fee(100, "usd")})

        assert rules.tightens(before, TermsValue(fees={"personal": Fee(1, "eur")}))
        assert not rules.tightens(before, TermsValue(fees={"personal": Fee(99, "usd")}))


class TestCheckTerms:
    def test_accepts_the_default(self) -> None:
        rules.check_terms(TermsValue())

    @pytest.mark.parametrize(
        "said",
        [
            TermsValue(purposes=frozenset({"personal", "sexual"})),
            TermsValue(fees={"sexual": Fee(1, "usd")}),
        ],
    )
    def test_never_allows_sexual_use(self, said: TermsValue) -> None:
        with pytest.raises(TermsSexual):
            rules.check_terms(said)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("purposes", frozenset({"espionage"})),
            ("forbidden_topics", frozenset({""})),
            ("forbidden_topics", frozenset({" war"})),
            ("forbidden_topics", frozenset({"x" * 61})),
            ("forbidden_topics", frozenset({"a\x00b"})),
            ("forbidden_topics", frozenset(map(str, range(51)))),
            ("territories", frozenset({"de"})),
            ("territories", frozenset({"DEU"})),
            ("seconds_max", 0),
            ("seconds_max", 601),
            ("renders_max", -1),
            ("renders_per_day_max", 1_000_001),
            ("fees", {"commercial": Fee(1, "usd")}),
            ("fees", {"personal": Fee(0, "usd")}),
            ("fees", {"personal": Fee(100_000_001, "usd")}),
            ("fees", {"personal": Fee(1, "USD")}),
            ("fees", {"personal": Fee(1, "usdd")}),
        ],
    )
    def test_names_the_field_that_is_out_of_bounds(self, field: str, value: Any) -> None:
        with pytest.raises(TermsMalformed) as refused:
            rules.check_terms(replace(TermsValue(), **{field: value}))

        assert refused.value.members == {"field": field}


class TestCheckPreferences:
    def test_accepts_line_feeds_and_any_script(self) -> None:
        rules.check_preferences(
            Preferences("elle", "bleu, jamais d'uniforme", "pas d'armes\n不抽烟")
        )

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            (Preferences(pronouns="x" * 41), "pronouns"),
            (Preferences(clothing="x" * 201), "clothing"),
            (Preferences(restrictions="x" * 1001), "restrictions"),
            (Preferences(clothing="blue\x00"), "clothing"),
            (Preferences(restrictions="\x1b[2J"), "restrictions"),
            (Preferences(pronouns="\ud800"), "pronouns"),
        ],
    )
    def test_refuses_what_is_long_or_not_plain(self, given: Preferences, field: str) -> None:
        with pytest.raises(PreferencesMalformed) as refused:
            rules.check_preferences(given)

        assert refused.value.members["field"] == field


class TestTransitions:
    def test_names_every_state(self) -> None:
        assert {state.value for state in State} == set(Cameo.State.values)
        assert set(rules.TRANSITIONS) == set(State)

    def test_leads_out_of_purged_nowhere(self) -> None:
        assert rules.TRANSITIONS[State.PURGED] == frozenset()

    def test_lets_every_other_state_be_purged(self) -> None:
        assert all(
            State.PURGED in after
            for state, after in rules.TRANSITIONS.items()
            if state != State.PURGED
        )
