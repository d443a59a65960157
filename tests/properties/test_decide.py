"""Properties of the decision, over questions and facts drawn at random."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.consent import stored
from ledger.consent.rules import (
    AncestorFacts,
    CameoFacts,
    Effect,
    Facts,
    GrantFacts,
    Question,
    Reason,
    Terms,
    decide,
    for_reader,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
REQUESTER = UUID(int=1)
# Small on purpose: cases must meet each other's ids, purposes and hours.
ids = st.integers(1, 40).map(lambda number: UUID(int=number))
hours = st.integers(-3, 3).map(lambda number: NOON + timedelta(hours=number))
purposes = st.sampled_from(["personal", "commercial", "advertising", "political", "sexual"])
allowed = st.lists(st.sampled_from(["personal", "commercial"]), min_size=1, unique=True).map(tuple)
territories = st.sampled_from([(), (), ("DE",), ("DE", "FR")])
counts = st.sampled_from([None, None, 0, 1, 5])
reasons = st.builds(Reason, st.sampled_from(["legal-hold", "owner-blocks-requester"]), ids)
few_reasons = st.sampled_from([0, 0, 0, 1]).flatmap(
    lambda size: st.lists(reasons, min_size=size, max_size=size).map(tuple)
)
mostly = st.sampled_from([True, True, True, False])
seldom = mostly.map(lambda value: not value)
terms = st.builds(
    Terms,
    id=ids,
    purposes=allowed,
    remix_allowed=mostly,
    draft_approval=st.booleans(),
    forbidden_topics=st.sampled_from([(), (), ("war",)]),
    territories=territories,
    seconds_max=st.sampled_from([5, 60]),
    renders_max=counts,
    renders_per_day_max=counts,
    fees=st.sampled_from([{}, {}, {"commercial": {"amount_minor": 500, "currency": "usd"}}]),
)
grants = st.builds(
    GrantFacts,
    id=ids,
    terms=terms,
    purposes=allowed,
    remix_allowed=mostly,
    seconds_max=st.sampled_from([None, 5]),
    territories=territories,
    renders_max=counts,
    renders_per_day_max=counts,
    starts_at=hours,
    ends_at=st.none() | hours,
    revoked_at=st.none() | hours,
    is_confirmed=mostly,
    used=st.integers(0, 2),
    used_today=st.integers(0, 2),
)
cameos = st.builds(
    CameoFacts,
    id=ids,
    owner_id=st.integers(1, 4).map(lambda number: UUID(int=number)),
    state=st.sampled_from(["active"] * 4 + ["draft", "suspended", "retired", "purged"]),
    audience=st.sampled_from(["self", "approved", "mutuals", "everyone", "everyone"]),
    epoch=st.integers(0, 3),
    terms=terms,
    is_minors=seldom,
    is_inherited=st.booleans(),
    is_licensed=st.booleans(),
    follows_requester=st.booleans(),
    is_followed_by_requester=st.booleans(),
    holds=few_reasons,
    blocks=few_reasons,
    grants=st.lists(grants, max_size=3).map(tuple),
    used=st.integers(0, 2),
    used_today=st.integers(0, 2),
    approval=st.sampled_from([None, True, True, False]),
)
ancestors = st.builds(
    AncestorFacts,
    id=ids,
    state=st.sampled_from(["released", "released", "released", "withdrawn"]),
    locks=few_reasons,
    holds=few_reasons,
)
facts = st.builds(
    Facts,
    cameos=st.lists(cameos, max_size=3, unique_by=lambda cameo: cameo.id).map(tuple),
    missing_cameo_ids=st.sampled_from([(), (), (), (UUID(int=99),)]),
    ancestors=st.lists(ancestors, max_size=2).map(tuple),
    requester_state=st.sampled_from(["active", "active", "active", "suspended", "closed"]),
    requester_is_minor=seldom,
    holds=few_reasons,
    prohibitions=few_reasons,
    unavailable=st.sampled_from([(), (), (), ("a.source",)]),
)
questions = st.builds(
    Question,
    gate=st.sampled_from(["request", "dispatch", "release"]),
    requester_id=st.just(REQUESTER),
    purpose=st.sampled_from(["personal", "personal", "commercial"]) | purposes,
    seconds=st.sampled_from([Decimal(2), Decimal("5.001"), Decimal(90)]),
    territories=territories,
    texts=st.sampled_from([(), ("a walk",), ("a War film",)]),
    is_remix=st.booleans(),
    at=st.just(NOON),
)
many = settings(max_examples=100, deadline=None)


@many
@given(question=questions, facts=facts)
def test_every_case_is_decided_with_a_reason_for_each_effect(
    question: Question, facts: Facts
) -> None:
    decision = decide(question, facts)

    denies = [finding for finding in decision.findings if finding.effect is Effect.DENY]
    assert bool(denies) == (decision.effect is Effect.DENY)
    assert all(finding.code for finding in decision.findings)


@many
@given(question=questions, facts=facts, added=reasons, where=st.integers(0, 4))
def test_a_further_hold_block_or_prohibition_never_turns_a_denial_into_a_permit(
    question: Question, facts: Facts, added: Reason, where: int
) -> None:
    before = decide(question, facts)
    after = decide(question, _with(facts, added, where))

    assert (before.effect, after.effect) != (Effect.DENY, Effect.PERMIT)


@many
@given(question=questions, facts=facts, added=reasons, where=st.sampled_from([0, 1, 2, 3]))
def test_a_hold_or_prohibition_always_denies(
    question: Question, facts: Facts, added: Reason, where: int
) -> None:
    after = decide(question, _with(facts, added, where))

    reached = where < 2 or (facts.cameos if where == 2 else facts.ancestors)
    assert not reached or after.effect is Effect.DENY


def _with(facts: Facts, added: Reason, where: int) -> Facts:
    if where == 0:
        return replace(facts, holds=(*facts.holds, added))
    if where == 1:
        return replace(facts, prohibitions=(*facts.prohibitions, added))
    if where == 3:
        above = [replace(each, holds=(*each.holds, added)) for each in facts.ancestors]
        return replace(facts, ancestors=tuple(above))
    name = "holds" if where == 2 else "blocks"
    cast = [
        replace(cameo, **{name: (*getattr(cameo, name), added)})  # type: ignore[arg-type]  # By name.
        for cameo in facts.cameos
    ]
    return replace(facts, cameos=tuple(cast))


@many
@given(question=questions, facts=facts)
def test_a_permit_means_that_each_cast_member_alone_permits(
    question: Question, facts: Facts
) -> None:
    if decide(question, facts).effect is Effect.DENY:
        return

    alone = [decide(question, replace(facts, cameos=(cameo,))) for cameo in facts.cameos]

    assert alone
    assert all(each.effect is Effect.PERMIT for each in alone)


@many
@given(question=questions, facts=facts, added=cameos)
def test_a_further_cast_member_never_turns_a_denial_into_a_permit(
    question: Question, facts: Facts, added: CameoFacts
) -> None:
    if not facts.cameos:
        return  # Nobody in it: that is the one denial that a cast member mends.
    before = decide(question, facts)
    after = decide(question, replace(facts, cameos=(*facts.cameos, added)))

    assert (before.effect, after.effect) != (Effect.DENY, Effect.PERMIT)


@many
@given(question=questions, facts=facts)
def test_taking_grants_and_follows_away_never_turns_a_denial_into_a_permit(
    question: Question, facts: Facts
) -> None:
    bare = tuple(
        replace(cameo, grants=(), follows_requester=False, is_licensed=False)
        for cameo in facts.cameos
    )
    before = decide(question, facts)
    after = decide(question, replace(facts, cameos=bare))

    assert (before.effect, after.effect) != (Effect.DENY, Effect.PERMIT)


@many
@given(question=questions, facts=facts)
def test_sexual_use_and_anybody_elses_minor_for_an_adult_are_never_permitted(
    question: Question, facts: Facts
) -> None:
    decision = decide(question, facts)

    minors = [each for each in facts.cameos if each.is_minors and each.owner_id != REQUESTER]
    if question.purpose == "sexual" or (minors and not facts.requester_is_minor):
        assert decision.effect is Effect.DENY


@many
@given(question=questions, facts=facts)
def test_stored_facts_replay_to_the_same_decision(question: Question, facts: Facts) -> None:
    again = decide(
        stored.from_json(Question, stored.to_json(question)),
        stored.from_json(Facts, stored.to_json(facts)),
    )

    assert again == decide(question, facts)


@many
@given(question=questions, facts=facts, own=st.frozensets(ids, max_size=3))
def test_a_reader_never_sees_what_anothers_consent_came_to(
    question: Question, facts: Facts, own: frozenset[UUID]
) -> None:
    decision = decide(question, facts)

    shown = for_reader(decision.findings, own=own)

    assert all(finding.cameo_id in own | {None} for finding in shown)
    denied = any(finding.effect is Effect.DENY for finding in shown)
    assert denied == (decision.effect is Effect.DENY)
