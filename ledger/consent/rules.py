"""The decision: may these likenesses be used so, by this requester, now? Pure and total.

Default deny, deny-overrides, all findings kept; the request is permitted only if every cast member
permits it. Steps, highest first (a deny at any step denies): hold, cameo, block, requester, terms,
audience, prohibitions, lineage, money. Codes are permanent. A stored decision can be replayed: the same
question and facts give the same answer.

A cameo is reached by its owner, by a grant in force, or by its audience; each such way is a *basis*. What
a grant permits is the overlap of the grant, the terms version it is pinned to, and the terms of today:
wider terms never widen an older grant, narrower ones narrow it at once.

Source: XACML 3.0 Core, Appendix C.2 (deny-overrides), section 7.18 (obligations).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

NEVER_ALLOWED = "sexual"
PERSONAL = "personal"
# What a requester may know of a denial when others are in the cast.
UNNAMED = "consent-denied"
# Findings about the use that tell what some other person did: to it, or to an ancestor.
OTHERS_DOING = ("hold-", "ancestor-", "remix-locked")


class Effect(StrEnum):
    """What a finding, or a whole decision, comes to."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True)
class Finding:
    """One reason. `row_id` is the row it rests on; `cameo_id` None means it is about the whole use."""

    effect: Effect
    code: str
    row_id: UUID | None
    cameo_id: UUID | None


@dataclass(frozen=True)
class FeeDue:
    """What the owner of one cameo asks for one use, in minor units of a lower-case ISO 4217 currency."""

    cameo_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class Question:
    """One use, at one gate, at one time. `territories` empty means everywhere."""

    gate: str
    requester_id: UUID
    purpose: str
    seconds: Decimal
    territories: tuple[str, ...]
    texts: tuple[str, ...]
    is_remix: bool
    at: datetime


@dataclass(frozen=True)
class Terms:
    """One version of a cameo's terms, as far as a decision needs it."""

    id: UUID
    purposes: tuple[str, ...]
    remix_allowed: bool
    draft_approval: bool
    forbidden_topics: tuple[str, ...]
    territories: tuple[str, ...]
    seconds_max: int
    renders_max: int | None
    renders_per_day_max: int | None
    fees: dict[str, dict[str, int | str]] = field(default_factory=dict)


@dataclass(frozen=True)
class GrantFacts:
    """One grant to the requester. `used` counts reservations of it that are held or kept."""

    id: UUID
    terms: Terms
    purposes: tuple[str, ...]
    remix_allowed: bool
    seconds_max: int | None
    territories: tuple[str, ...]
    renders_max: int | None
    renders_per_day_max: int | None
    starts_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None
    is_confirmed: bool
    used: int
    used_today: int

    def is_in_force(self, *, at: datetime) -> bool:
        """A period includes its start and excludes its end.

        A revocation that is known counts, whatever its time: who asks may have read the clock first
        and then waited for the lock that the revocation held.
        """
        is_over = self.ends_at is not None and self.ends_at <= at
        return (
            self.starts_at <= at and self.is_confirmed and not is_over and self.revoked_at is None
        )


@dataclass(frozen=True)
class Reason:
    """A row that stands against a use: a hold, a block, a lock, a prohibition."""

    code: str
    id: UUID


@dataclass(frozen=True)
class CameoFacts:
    """All that a decision needs to know about one cast member."""

    id: UUID
    owner_id: UUID
    state: str
    audience: str
    epoch: int
    terms: Terms | None
    is_minors: bool
    is_inherited: bool
    is_licensed: bool
    follows_requester: bool
    is_followed_by_requester: bool
    holds: tuple[Reason, ...]
    blocks: tuple[Reason, ...]
    grants: tuple[GrantFacts, ...]
    used: int
    used_today: int
    approval: bool | None  # The owner's answer to the draft; None: none yet.


@dataclass(frozen=True)
class AncestorFacts:
    """One use that this one descends from."""

    id: UUID
    state: str
    locks: tuple[Reason, ...]
    holds: tuple[Reason, ...]


@dataclass(frozen=True)
class Facts:
    """What a decision rests on, read under the locks."""

    cameos: tuple[CameoFacts, ...]
    missing_cameo_ids: tuple[UUID, ...]
    ancestors: tuple[AncestorFacts, ...]
    requester_state: str
    requester_is_minor: bool
    holds: tuple[Reason, ...]  # On this use itself.
    prohibitions: tuple[Reason, ...]
    unavailable: tuple[str, ...]  # Sources that could not be had.


@dataclass(frozen=True)
class Decision:
    """The answer, every reason, and what a permit obliges to."""

    effect: Effect
    findings: tuple[Finding, ...]
    fees_due: tuple[FeeDue, ...]
    awaiting_approval: tuple[UUID, ...]
    grants: dict[UUID, UUID]  # Which grant each cameo was permitted by, where it was one.


@dataclass(frozen=True)
class _Basis:
    """One way to a cameo: the terms that bind it, the grant if it is one, what stands against it."""

    grant: GrantFacts | None
    terms: tuple[Terms, ...]
    failures: tuple[Finding, ...]
    fee: FeeDue | None


def decide(question: Question, facts: Facts) -> Decision:
    """Decide one use; see the module's docstring for the order and the meaning."""
    findings = [*_of_the_use(question, facts)]
    fees: list[FeeDue] = []
    awaiting: list[UUID] = []
    grants: dict[UUID, UUID] = {}
    for cameo in facts.cameos:
        basis = _best_basis(question, cameo)
        findings += _standing(question, facts, cameo)
        findings += _reach(question, cameo, basis)
        if basis is None or basis.failures:
            continue
        if basis.grant is not None:
            grants[cameo.id] = basis.grant.id
        findings += _money(question, cameo, basis, fees)
        findings += _approval(question, cameo, basis, awaiting)
    denied = any(finding.effect is Effect.DENY for finding in findings)
    return Decision(
        effect=Effect.DENY if denied else Effect.PERMIT,
        findings=tuple(findings),
        fees_due=() if denied else tuple(fees),
        awaiting_approval=() if denied else tuple(awaiting),
        grants=grants,
    )


def for_reader(findings: Sequence[Finding], *, own: frozenset[UUID]) -> list[Finding]:
    """Return what a co-owner may know: what is about the use itself, or about one's own cameos.

    What others' consent came to is hidden, a permit as much as a denial, and so is what others did to
    the use or to what it descends from. Where something hidden denies, one unnamed `consent-denied`
    stands for all of it, so that nobody can learn who denied, or why.

    Source: docs/spec/consent.md, "The privacy of a refusal".
    """
    shown = [finding for finding in findings if _is_open_to(finding, own)]
    hidden = [finding for finding in findings if finding not in shown]
    if any(finding.effect is Effect.DENY for finding in hidden):
        shown.append(Finding(Effect.DENY, UNNAMED, None, None))
    return shown


def _is_open_to(finding: Finding, own: frozenset[UUID]) -> bool:
    if finding.cameo_id is not None:
        return finding.cameo_id in own
    return not finding.code.startswith(OTHERS_DOING)


def _deny(code: str, row_id: UUID | None, cameo_id: UUID | None) -> Finding:
    return Finding(Effect.DENY, code, row_id, cameo_id)


def _of_the_use(question: Question, facts: Facts) -> Iterator[Finding]:
    """Steps 1, 4, 5, 7 and 8 as far as they are about no one cameo."""
    if not facts.cameos and not facts.missing_cameo_ids:
        yield _deny("cast-empty", None, None)
    for hold in facts.holds:
        yield _deny(f"hold-{hold.code}", hold.id, None)
    for cameo_id in facts.missing_cameo_ids:
        yield _deny("cameo-unknown", None, cameo_id)
    if facts.requester_state != "active":
        yield _deny(f"requester-{facts.requester_state}", question.requester_id, None)
    if question.purpose == NEVER_ALLOWED:
        yield _deny("purpose-never-allowed", None, None)
    for prohibition in facts.prohibitions:
        yield _deny(prohibition.code, prohibition.id, None)
    for _source in facts.unavailable:
        yield _deny("unavailable", None, None)
    for ancestor in facts.ancestors:
        if ancestor.state != "released":
            yield _deny(f"ancestor-{ancestor.state}", ancestor.id, None)
        for lock in ancestor.locks:
            yield _deny("remix-locked", lock.id, None)
        for hold in ancestor.holds:
            yield _deny(f"ancestor-hold-{hold.code}", hold.id, None)


def _standing(question: Question, facts: Facts, cameo: CameoFacts) -> Iterator[Finding]:
    """Steps 1 to 4: what stands against a cameo whatever its terms and grants say."""
    for hold in cameo.holds:
        yield _deny(f"hold-{hold.code}", hold.id, cameo.id)
    if cameo.state != "active":
        yield _deny(f"cameo-{cameo.state}", cameo.id, cameo.id)
    if cameo.owner_id == question.requester_id:
        return
    for block in cameo.blocks:
        yield _deny(block.code, block.id, cameo.id)
    if cameo.is_minors and not facts.requester_is_minor:
        yield _deny("minors-cameo-and-adult-requester", cameo.id, cameo.id)
    if cameo.is_minors and cameo.audience in ("mutuals", "everyone"):
        yield _deny("minors-audience-too-wide", cameo.id, cameo.id)


def _reach(question: Question, cameo: CameoFacts, basis: _Basis | None) -> Iterator[Finding]:
    """Steps 5 and 6: by what the requester reaches the cameo, or why not."""
    if basis is None:
        code = "audience-self" if cameo.audience == "self" else "no-grant-in-force"
        yield _deny(code, cameo.id, cameo.id)
    elif basis.failures:
        yield from basis.failures
    elif cameo.owner_id == question.requester_id:
        yield Finding(Effect.PERMIT, "owner", cameo.id, cameo.id)
    elif basis.grant is not None:
        yield Finding(Effect.PERMIT, "grant-in-force", basis.grant.id, cameo.id)
    else:
        yield Finding(Effect.PERMIT, f"audience-{cameo.audience}", cameo.id, cameo.id)


def _best_basis(question: Question, cameo: CameoFacts) -> _Basis | None:
    """Return the way with the fewest failures; then one without a fee; then the older grant."""
    if cameo.owner_id == question.requester_id:
        return _Basis(grant=None, terms=(), failures=(), fee=None)
    if cameo.audience == "self" or cameo.terms is None:
        return None
    bases = [
        _judged(question, cameo, grant)
        for grant in sorted(cameo.grants, key=lambda grant: (grant.starts_at, grant.id))
        if grant.is_in_force(at=question.at)
    ]
    mutual = cameo.follows_requester and cameo.is_followed_by_requester
    if cameo.audience == "everyone" or (cameo.audience == "mutuals" and mutual):
        bases.append(_judged(question, cameo, None))
    return min(bases, key=lambda basis: (len(basis.failures), basis.fee is not None), default=None)


def _judged(question: Question, cameo: CameoFacts, grant: GrantFacts | None) -> _Basis:
    """Hold one basis against the terms that bind it (step 5)."""
    assert cameo.terms is not None  # Callers ask only about cameos that have terms.
    terms = (cameo.terms,) if grant is None else (cameo.terms, grant.terms)
    fee = _fee(question, cameo, terms[-1])
    codes: list[tuple[str, UUID]] = []
    for each in terms:
        codes += [(code, each.id) for code in _against_terms(question, cameo, each)]
    if grant is not None:
        codes += [(code, grant.id) for code in _against_grant(question, cameo, grant)]
    elif question.purpose != PERSONAL and fee is None:
        codes.append(("purpose-needs-grant-or-licence", cameo.terms.id))
    failures = tuple(_deny(code, row_id, cameo.id) for code, row_id in dict.fromkeys(codes))
    return _Basis(grant=grant, terms=terms, failures=failures, fee=fee)


def _against_terms(question: Question, cameo: CameoFacts, terms: Terms) -> Iterator[str]:
    if question.purpose not in terms.purposes:
        yield "terms-exclude-purpose"
    if question.seconds > terms.seconds_max:
        yield "terms-too-long"
    if question.is_remix and cameo.is_inherited and not terms.remix_allowed:
        yield "terms-exclude-remix"
    if not _within(question.territories, terms.territories):
        yield "terms-exclude-territory"
    if any(_mentions(text, topic) for text in question.texts for topic in terms.forbidden_topics):
        yield "terms-forbid-topic"
    if terms.renders_max is not None and cameo.used >= terms.renders_max:
        yield "terms-cap-reached"
    if terms.renders_per_day_max is not None and cameo.used_today >= terms.renders_per_day_max:
        yield "terms-daily-cap-reached"


def _against_grant(question: Question, cameo: CameoFacts, grant: GrantFacts) -> Iterator[str]:
    if question.purpose not in grant.purposes:
        yield "grant-excludes-purpose"
    if grant.seconds_max is not None and question.seconds > grant.seconds_max:
        yield "grant-too-long"
    if question.is_remix and cameo.is_inherited and not grant.remix_allowed:
        yield "grant-excludes-remix"
    if not _within(question.territories, grant.territories):
        yield "grant-excludes-territory"
    if grant.renders_max is not None and grant.used >= grant.renders_max:
        yield "grant-used-up"
    if grant.renders_per_day_max is not None and grant.used_today >= grant.renders_per_day_max:
        yield "grant-used-up-today"


def _money(
    question: Question, cameo: CameoFacts, basis: _Basis, fees: list[FeeDue]
) -> Iterator[Finding]:
    """Step 9: an obligation at REQUEST, a condition at every later gate."""
    if basis.fee is None:
        return
    if cameo.is_licensed:
        yield Finding(Effect.PERMIT, "licence-authorised", None, cameo.id)
    elif question.gate == "request":
        fees.append(basis.fee)
        yield Finding(Effect.PERMIT, "fee-due", basis.terms[-1].id, cameo.id)
    else:
        yield _deny("licence-missing", basis.terms[-1].id, cameo.id)


def _approval(
    question: Question, cameo: CameoFacts, basis: _Basis, awaiting: list[UUID]
) -> Iterator[Finding]:
    """At RELEASE: the owner's answer to the draft, where the terms ask for one."""
    if question.gate != "release" or not any(terms.draft_approval for terms in basis.terms):
        return
    if cameo.approval is None:
        awaiting.append(cameo.id)
    elif cameo.approval:
        yield Finding(Effect.PERMIT, "draft-approved", None, cameo.id)
    else:
        yield _deny("draft-refused", None, cameo.id)


def _fee(question: Question, cameo: CameoFacts, terms: Terms) -> FeeDue | None:
    asked = terms.fees.get(question.purpose)
    if not asked or not int(asked["amount_minor"]):
        return None
    return FeeDue(cameo.id, cameo.owner_id, int(asked["amount_minor"]), str(asked["currency"]))


def _within(asked: Sequence[str], allowed: Sequence[str]) -> bool:
    """Empty `allowed` is everywhere; empty `asked` asks for everywhere."""
    return not allowed or (bool(asked) and set(asked) <= set(allowed))


def _mentions(text: str, topic: str) -> bool:
    """Whether the topic's words stand in the text in a row, case and compatibility folded."""
    return f" {_folded(topic)} " in f" {_folded(text)} "


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())
