"""Each rule of the decision, and its refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from ledger.consent import rules
from ledger.consent.rules import (
    AncestorFacts,
    CameoFacts,
    Effect,
    Facts,
    Finding,
    GrantFacts,
    Question,
    Reason,
    Terms,
    decide,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OWNER, REQUESTER, CAMEO, GRANT, TERMS, ROW = (UUID(int=number) for number in range(1, 7))
FULL_WIDTH = "".join(chr(ord(letter) + 0xFEE0) for letter in "POLITICAL")
FEE: dict[str, dict[str, int | str]] = {"commercial": {"amount_minor": 500, "currency": "usd"}}

QUESTION = Question(
    gate="request",
    requester_id=REQUESTER,
    purpose="personal",
    seconds=Decimal(5),
    territories=(),
    texts=("a walk",),
    is_remix=False,
    at=NOON,
)
ANY_TERMS = Terms(
    id=TERMS,
    purposes=("personal",),
    remix_allowed=True,
    draft_approval=False,
    forbidden_topics=(),
    territories=(),
    seconds_max=60,
    renders_max=None,
    renders_per_day_max=None,
)
ANY_CAMEO = CameoFacts(
    id=CAMEO,
    owner_id=OWNER,
    state="active",
    audience="everyone",
    epoch=0,
    terms=ANY_TERMS,
    is_minors=False,
    is_inherited=False,
    is_licensed=False,
    follows_requester=False,
    is_followed_by_requester=False,
    holds=(),
    blocks=(),
    grants=(),
    used=0,
    used_today=0,
    approval=None,
)
ANY_GRANT = GrantFacts(
    id=GRANT,
    terms=ANY_TERMS,
    purposes=("personal",),
    remix_allowed=False,
    seconds_max=None,
    territories=(),
    renders_max=None,
    renders_per_day_max=None,
    starts_at=NOON - HOUR,
    ends_at=None,
    revoked_at=None,
    is_confirmed=True,
    used=0,
    used_today=0,
)


def _facts(cameo: CameoFacts = ANY_CAMEO, **fields: Any) -> Facts:
    defaults: dict[str, Any] = {
        "cameos": (cameo,),
        "missing_cameo_ids": (),
        "ancestors": (),
        "requester_state": "active",
        "requester_is_minor": False,
        "holds": (),
        "prohibitions": (),
        "unavailable": (),
    }
    return Facts(**(defaults | fields))


def _denials(question: Question, facts: Facts) -> list[str]:
    decision = decide(question, facts)
    return [finding.code for finding in decision.findings if finding.effect is Effect.DENY]


def _under(terms: Terms, question: Question = QUESTION, **cameo: Any) -> list[str]:
    return _denials(question, _facts(replace(ANY_CAMEO, terms=terms, **cameo)))


def _granted(grant: GrantFacts, question: Question = QUESTION, **cameo: Any) -> list[str]:
    reached = replace(ANY_CAMEO, audience="approved", grants=(grant,), **cameo)
    return _denials(question, _facts(reached))


class TestHolds:
    @pytest.mark.parametrize("requester", [REQUESTER, OWNER], ids=["stranger", "owner"])
    def test_on_a_cameo_denies_everyone(self, requester: UUID) -> None:
        held = replace(ANY_CAMEO, holds=(Reason("court-order", ROW),))

        decision = decide(replace(QUESTION, requester_id=requester), _facts(held))

        assert Finding(Effect.DENY, "hold-court-order", ROW, CAMEO) in decision.findings

    def test_on_the_use_denies(self) -> None:
        assert _denials(QUESTION, _facts(holds=(Reason("legal-hold", ROW),))) == ["hold-legal-hold"]


class TestCameoState:
    @pytest.mark.parametrize("state", ["draft", "suspended", "retired", "purged"])
    @pytest.mark.parametrize("requester", [REQUESTER, OWNER], ids=["stranger", "owner"])
    def test_denies_everyone_unless_it_is_active(self, state: str, requester: UUID) -> None:
        question = replace(QUESTION, requester_id=requester)

        assert _denials(question, _facts(replace(ANY_CAMEO, state=state))) == [f"cameo-{state}"]

    def test_denies_what_is_not_there(self) -> None:
        assert _denials(QUESTION, _facts(missing_cameo_ids=(ROW,))) == ["cameo-unknown"]


class TestBlocks:
    def test_beat_grants_and_licences(self) -> None:
        blocked = replace(
            ANY_CAMEO,
            grants=(ANY_GRANT,),
            is_licensed=True,
            blocks=(Reason("owner-blocks-requester", ROW),),
        )

        assert _denials(QUESTION, _facts(blocked)) == ["owner-blocks-requester"]


class TestRequester:
    @pytest.mark.parametrize("state", ["suspended", "closed"])
    def test_is_denied_without_standing(self, state: str) -> None:
        assert _denials(QUESTION, _facts(requester_state=state)) == [f"requester-{state}"]

    def test_who_is_an_adult_is_never_allowed_a_minors_cameo(self) -> None:
        minors = replace(ANY_CAMEO, audience="approved", is_minors=True, grants=(ANY_GRANT,))

        assert _denials(QUESTION, _facts(minors)) == ["minors-cameo-and-adult-requester"]

    def test_who_is_a_minor_may_use_a_minors_cameo_under_a_grant(self) -> None:
        minors = replace(ANY_CAMEO, audience="approved", is_minors=True, grants=(ANY_GRANT,))

        assert _denials(QUESTION, _facts(minors, requester_is_minor=True)) == []

    @pytest.mark.parametrize("audience", ["mutuals", "everyone"])
    def test_never_gains_by_a_minors_too_wide_audience(self, audience: str) -> None:
        minors = replace(ANY_CAMEO, audience=audience, is_minors=True, grants=(ANY_GRANT,))

        denials = _denials(QUESTION, _facts(minors, requester_is_minor=True))

        assert denials == ["minors-audience-too-wide"]


class TestTerms:
    @pytest.mark.parametrize(
        ("terms", "question", "cameo", "code"),
        [
            ({"purposes": ("commercial",)}, {}, {}, "terms-exclude-purpose"),
            ({"seconds_max": 4}, {}, {}, "terms-too-long"),
            (
                {"remix_allowed": False},
                {"is_remix": True},
                {"is_inherited": True},
                "terms-exclude-remix",
            ),
            ({"territories": ("DE",)}, {"territories": ("FR",)}, {}, "terms-exclude-territory"),
            ({"territories": ("DE",)}, {}, {}, "terms-exclude-territory"),
            ({"forbidden_topics": ("walk",)}, {}, {}, "terms-forbid-topic"),
            ({"renders_max": 1}, {}, {"used": 1}, "terms-cap-reached"),
            ({"renders_per_day_max": 1}, {}, {"used_today": 1}, "terms-daily-cap-reached"),
        ],
    )
    def test_refuse(
        self, terms: dict[str, Any], question: dict[str, Any], cameo: dict[str, Any], code: str
    ) -> None:
        asked = replace(QUESTION, **question)

        assert _under(replace(ANY_TERMS, **terms), asked, **cameo) == [code]

    @pytest.mark.parametrize(
        ("terms", "question", "cameo"),
        [
            ({"seconds_max": 5}, {}, {}),
            ({"remix_allowed": False}, {"is_remix": True}, {"is_inherited": False}),
            ({"territories": ("DE", "FR")}, {"territories": ("FR",)}, {}),
            ({"forbidden_topics": ("walkway", "al")}, {}, {}),
            ({"renders_max": 2}, {}, {"used": 1}),
        ],
    )
    def test_allow_up_to_their_bounds(
        self, terms: dict[str, Any], question: dict[str, Any], cameo: dict[str, Any]
    ) -> None:
        asked = replace(QUESTION, **question)

        assert _under(replace(ANY_TERMS, **terms), asked, **cameo) == []

    @pytest.mark.parametrize(
        "text", ["A Political\nRally!", f"{FULL_WIDTH} rally", "x,political  rally"]
    )
    def test_find_a_topic_however_it_is_written(self, text: str) -> None:
        terms = replace(ANY_TERMS, forbidden_topics=("political rally",))

        assert _under(terms, replace(QUESTION, texts=("x", text))) == ["terms-forbid-topic"]

    def test_never_allow_sexual_use_not_even_the_owners(self) -> None:
        asked = replace(QUESTION, purpose="sexual", requester_id=OWNER)

        assert _denials(asked, _facts()) == ["purpose-never-allowed"]

    def test_need_a_grant_or_licence_for_more_than_personal_use(self) -> None:
        terms = replace(ANY_TERMS, purposes=("personal", "commercial"))

        denials = _under(terms, replace(QUESTION, purpose="commercial"))

        assert denials == ["purpose-needs-grant-or-licence"]


class TestGrants:
    @pytest.mark.parametrize(
        ("grant", "question", "code"),
        [
            ({"purposes": ("commercial",)}, {}, "grant-excludes-purpose"),
            ({"seconds_max": 4}, {}, "grant-too-long"),
            ({}, {"is_remix": True}, "grant-excludes-remix"),
            ({"territories": ("DE",)}, {"territories": ("FR",)}, "grant-excludes-territory"),
            ({"renders_max": 1, "used": 1}, {}, "grant-used-up"),
            ({"renders_per_day_max": 1, "used_today": 1}, {}, "grant-used-up-today"),
        ],
    )
    def test_refuse(self, grant: dict[str, Any], question: dict[str, Any], code: str) -> None:
        asked = replace(QUESTION, **question)

        assert _granted(replace(ANY_GRANT, **grant), asked, is_inherited=True) == [code]

    @pytest.mark.parametrize(
        "grant",
        [
            {"starts_at": NOON + HOUR},
            {"ends_at": NOON},
            {"revoked_at": NOON},
            {"revoked_at": NOON + HOUR},
            {"is_confirmed": False},
        ],
        ids=["not yet", "over", "revoked", "revoked while the asker waited", "unconfirmed"],
    )
    def test_count_only_while_in_force(self, grant: dict[str, Any]) -> None:
        assert _granted(replace(ANY_GRANT, **grant)) == ["no-grant-in-force"]

    @pytest.mark.parametrize(
        "grant",
        [{"starts_at": NOON}, {"ends_at": NOON + HOUR}],
        ids=["from its start", "before its end"],
    )
    def test_are_in_force(self, grant: dict[str, Any]) -> None:
        assert _granted(replace(ANY_GRANT, **grant)) == []

    def test_are_not_widened_by_later_terms(self) -> None:
        wider = replace(ANY_TERMS, seconds_max=600)
        pinned = replace(ANY_GRANT, terms=replace(ANY_TERMS, id=ROW, seconds_max=3))

        assert _granted(pinned, terms=wider) == ["terms-too-long"]

    def test_are_narrowed_by_later_terms(self) -> None:
        narrower = replace(ANY_TERMS, seconds_max=3)

        assert _granted(ANY_GRANT, terms=narrower) == ["terms-too-long"]

    def test_that_permit_beat_those_that_do_not(self) -> None:
        spent = replace(ANY_GRANT, id=ROW, starts_at=NOON - 2 * HOUR, renders_max=0)
        reached = replace(ANY_CAMEO, audience="approved", grants=(spent, ANY_GRANT))

        decision = decide(QUESTION, _facts(reached))

        assert decision.effect is Effect.PERMIT
        assert decision.grants == {CAMEO: GRANT}

    def test_that_cost_nothing_beat_those_with_a_fee(self) -> None:
        terms = replace(ANY_TERMS, purposes=("personal", "commercial"))
        dear = replace(ANY_GRANT, id=ROW, starts_at=NOON - 2 * HOUR, terms=replace(terms, fees=FEE))
        free = replace(ANY_GRANT, terms=terms)
        bought = [replace(grant, purposes=("commercial",)) for grant in (dear, free)]
        reached = replace(ANY_CAMEO, audience="approved", terms=terms, grants=tuple(bought))

        decision = decide(replace(QUESTION, purpose="commercial"), _facts(reached))

        assert (decision.grants, decision.fees_due) == ({CAMEO: GRANT}, ())


class TestAudience:
    @pytest.mark.parametrize(
        ("audience", "follows", "followed", "codes"),
        [
            ("self", True, True, ["audience-self"]),
            ("approved", True, True, ["no-grant-in-force"]),
            ("mutuals", True, False, ["no-grant-in-force"]),
            ("mutuals", False, True, ["no-grant-in-force"]),
            ("mutuals", True, True, []),
            ("everyone", False, False, []),
        ],
    )
    def test_says_who_needs_no_grant(
        self, audience: str, follows: bool, followed: bool, codes: list[str]
    ) -> None:
        cameo = replace(
            ANY_CAMEO,
            audience=audience,
            follows_requester=follows,
            is_followed_by_requester=followed,
        )

        assert _denials(QUESTION, _facts(cameo)) == codes

    def test_self_puts_grants_to_sleep(self) -> None:
        asleep = replace(ANY_CAMEO, audience="self", grants=(ANY_GRANT,))

        assert _denials(QUESTION, _facts(asleep)) == ["audience-self"]

    def test_never_stops_the_owner_who_pays_nothing(self) -> None:
        terms = replace(ANY_TERMS, purposes=("commercial",), fees=FEE, seconds_max=1)
        own = replace(ANY_CAMEO, audience="self", terms=terms)
        asked = replace(QUESTION, requester_id=OWNER, purpose="commercial", gate="release")

        decision = decide(asked, _facts(own))

        assert (decision.effect, decision.fees_due) == (Effect.PERMIT, ())


class TestProhibitions:
    @pytest.mark.parametrize("requester", [REQUESTER, OWNER], ids=["stranger", "owner"])
    def test_deny_everyone(self, requester: UUID) -> None:
        asked = replace(QUESTION, requester_id=requester)

        assert _denials(asked, _facts(prohibitions=(Reason("opt-out", ROW),))) == ["opt-out"]

    def test_that_cannot_be_had_deny(self) -> None:
        assert _denials(QUESTION, _facts(unavailable=("a.source",))) == ["unavailable"]


class TestLineage:
    @pytest.mark.parametrize(
        ("ancestor", "code"),
        [
            ({"state": "withdrawn"}, "ancestor-withdrawn"),
            ({"state": "dispatched"}, "ancestor-dispatched"),
            ({"state": "too-deep"}, "ancestor-too-deep"),
            ({"locks": (Reason("remix-lock", ROW),)}, "remix-locked"),
            ({"holds": (Reason("takedown", ROW),)}, "ancestor-hold-takedown"),
        ],
    )
    def test_denies(self, ancestor: dict[str, Any], code: str) -> None:
        fields: dict[str, Any] = {"state": "released", "locks": (), "holds": ()} | ancestor
        above = AncestorFacts(id=UUID(int=9), **fields)

        assert _denials(replace(QUESTION, is_remix=True), _facts(ancestors=(above,))) == [code]


class TestMoney:
    TERMS_WITH_FEE = replace(ANY_TERMS, purposes=("personal", "commercial"), fees=FEE)

    @pytest.mark.parametrize(
        ("gate", "licensed", "effect", "due"),
        [
            ("request", False, Effect.PERMIT, 1),
            ("request", True, Effect.PERMIT, 0),
            ("dispatch", False, Effect.DENY, 0),
            ("dispatch", True, Effect.PERMIT, 0),
            ("release", False, Effect.DENY, 0),
            ("release", True, Effect.PERMIT, 0),
        ],
    )
    def test_is_an_obligation_first_and_a_condition_then(
        self, gate: str, licensed: bool, effect: Effect, due: int
    ) -> None:
        cameo = replace(ANY_CAMEO, terms=self.TERMS_WITH_FEE, is_licensed=licensed)

        decision = decide(replace(QUESTION, gate=gate, purpose="commercial"), _facts(cameo))

        assert (decision.effect, len(decision.fees_due)) == (effect, due)

    def test_is_not_asked_for_other_purposes(self) -> None:
        cameo = replace(ANY_CAMEO, terms=self.TERMS_WITH_FEE)

        assert decide(QUESTION, _facts(cameo)).fees_due == ()

    def test_is_not_quoted_with_a_denial(self) -> None:
        cameo = replace(ANY_CAMEO, terms=self.TERMS_WITH_FEE)
        facts = replace(_facts(cameo), missing_cameo_ids=(ROW,))

        assert decide(replace(QUESTION, purpose="commercial"), facts).fees_due == ()


class TestDraftApproval:
    @pytest.mark.parametrize(
        ("approval", "effect", "awaiting"),
        [(None, Effect.PERMIT, (CAMEO,)), (True, Effect.PERMIT, ()), (False, Effect.DENY, ())],
    )
    def test_is_asked_at_release(
        self, approval: bool | None, effect: Effect, awaiting: tuple[UUID, ...]
    ) -> None:
        terms = replace(ANY_TERMS, draft_approval=True)
        cameo = replace(ANY_CAMEO, terms=terms, approval=approval)

        decision = decide(replace(QUESTION, gate="release"), _facts(cameo))

        assert (decision.effect, decision.awaiting_approval) == (effect, awaiting)

    @pytest.mark.parametrize("gate", ["request", "dispatch"])
    def test_is_not_asked_before(self, gate: str) -> None:
        cameo = replace(ANY_CAMEO, terms=replace(ANY_TERMS, draft_approval=True))

        assert decide(replace(QUESTION, gate=gate), _facts(cameo)).awaiting_approval == ()


class TestFindings:
    def test_are_all_kept(self) -> None:
        broken = replace(
            ANY_CAMEO,
            audience="self",
            state="suspended",
            holds=(Reason("legal-hold", ROW),),
            blocks=(Reason("owner-blocks-requester", ROW),),
        )

        codes = _denials(
            QUESTION, _facts(broken, requester_state="suspended", unavailable=("a.source",))
        )

        assert codes == [
            "requester-suspended",
            "unavailable",
            "hold-legal-hold",
            "cameo-suspended",
            "owner-blocks-requester",
            "audience-self",
        ]

    def test_of_an_empty_cast_deny(self) -> None:
        assert _denials(QUESTION, replace(_facts(), cameos=())) == ["cast-empty"]


class TestForReader:
    OTHERS = UUID(int=50)

    def _shown(self, *findings: tuple[str, str, UUID | None]) -> list[tuple[str, UUID | None]]:
        made = [Finding(Effect(effect), code, None, cameo) for effect, code, cameo in findings]
        return [(f.code, f.cameo_id) for f in rules.for_reader(made, own=frozenset({CAMEO}))]

    def test_hides_anothers_permit(self) -> None:
        assert self._shown(("permit", "owner", CAMEO), ("permit", "x", self.OTHERS)) == [
            ("owner", CAMEO)
        ]

    def test_makes_all_that_others_denied_one_unnamed_denial(self) -> None:
        shown = self._shown(("deny", "x", self.OTHERS), ("deny", "y", self.OTHERS))

        assert shown == [("consent-denied", None)]

    @pytest.mark.parametrize("code", ["remix-locked", "hold-legal-hold", "ancestor-withdrawn"])
    def test_hides_what_others_did_to_the_use(self, code: str) -> None:
        assert self._shown(("deny", code, None)) == [("consent-denied", None)]

    @pytest.mark.parametrize("code", ["opt-out", "purpose-never-allowed", "requester-suspended"])
    def test_shows_what_is_the_readers_own_doing(self, code: str) -> None:
        assert self._shown(("deny", code, None)) == [(code, None)]
