"""The pure rules of renders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.renders import rules
from provenance.renders.rules import State

ADA, BEN, CEM = (UUID(int=number) for number in (1, 2, 3))
WISH = rules.Wish(
    prompt="A quiet harbour",
    title="",
    cast=(ADA,),
    drop=(),
    purpose="personal",
    seconds=Decimal(10),
    width_px=1280,
    height_px=720,
    parent_id=None,
    seed=0,
)
LIMITS = {"seconds_max": 60, "side_px_max": 1920}


class TestTransitions:
    def test_names_every_state(self) -> None:
        assert set(rules.TRANSITIONS) == set(State)

    def test_leads_from_the_request_to_every_state(self) -> None:
        reached, frontier = {State.REQUESTED}, [State.REQUESTED]
        while frontier:
            for target in rules.TRANSITIONS[frontier.pop()]:
                if target not in reached:
                    reached.add(target)
                    frontier.append(target)

        assert reached == set(State)

    def test_has_no_way_to_release_but_over_sealing(self) -> None:
        assert set(rules.sources(State.RELEASED)) == {State.SEALING, State.APPROVAL_PENDING}
        assert rules.sources(State.APPROVAL_PENDING) == (State.SEALING,)
        assert rules.sources(State.SEALING) == (State.RENDERING,)

    def test_lets_no_end_be_left(self) -> None:
        assert set(rules.ENDS) == {State.WITHDRAWN, State.DENIED, State.CANCELLED, State.FAILED}


class TestFinalCast:
    def test_keeps_the_parents_cast_then_adds(self) -> None:
        cast = rules.final_cast(chosen=[CEM], inherited=[ADA, BEN], dropped=[ADA])

        assert cast == (BEN, CEM)

    def test_takes_somebody_who_is_both_kept_and_chosen_once(self) -> None:
        assert rules.final_cast(chosen=[ADA], inherited=[ADA], dropped=[]) == (ADA,)

    @pytest.mark.parametrize(
        ("chosen", "inherited", "dropped"),
        [
            ([], [], []),
            ([], [ADA], [ADA]),
            ([ADA, ADA], [], []),
            ([ADA], [], [BEN]),
            ([ADA], [ADA, BEN], [ADA]),
            ([uuid4() for _ in range(9)], [], []),
            ([uuid4()], [uuid4() for _ in range(8)], []),
        ],
    )
    def test_refuses_a_cast_that_makes_no_sense(
        self, chosen: list[UUID], inherited: list[UUID], dropped: list[UUID]
    ) -> None:
        with pytest.raises(rules.CastInvalid):
            rules.final_cast(chosen=chosen, inherited=inherited, dropped=dropped)

    @given(
        chosen=st.lists(st.integers(0, 20), max_size=12),
        inherited=st.lists(st.integers(0, 20), max_size=8, unique=True),
        dropped=st.lists(st.integers(0, 20), max_size=8),
    )
    def test_never_keeps_whom_it_was_told_to_drop(
        self, chosen: list[int], inherited: list[int], dropped: list[int]
    ) -> None:
        def identities(numbers: list[int]) -> list[UUID]:
            return [UUID(int=number) for number in numbers]

        try:
            cast = rules.final_cast(
                chosen=identities(chosen),
                inherited=identities(inherited),
                dropped=identities(dropped),
            )
        except rules.CastInvalid:
            return

        assert not set(cast) & set(identities(dropped))
        assert 1 <= len(cast) == len(set(cast)) <= rules.CAST_MAX


class TestCheckWish:
    def test_takes_what_is_within_limits(self) -> None:
        rules.check_wish(replace(WISH, prompt="Two\nlines"), **LIMITS)

    @pytest.mark.parametrize("side_px", [0, 268, 271, 1922, 100_000])
    def test_refuses_sizes_that_cannot_be_encoded(self, side_px: int) -> None:
        with pytest.raises(rules.SizeInvalid):
            rules.check_wish(replace(WISH, height_px=side_px), **LIMITS)

    @pytest.mark.parametrize("seconds", ["0", "0.499", "60.001", "-1"])
    def test_refuses_lengths_outside_the_limits(self, seconds: str) -> None:
        with pytest.raises(rules.LengthInvalid):
            rules.check_wish(replace(WISH, seconds=Decimal(seconds)), **LIMITS)

    @pytest.mark.parametrize(
        "wish",
        [
            replace(WISH, prompt="  \n "),
            replace(WISH, prompt="x" * 4_001),
            replace(WISH, title="x" * 201),
            replace(WISH, prompt="null\x00byte"),
            replace(WISH, title="bell\x07"),
            replace(WISH, prompt="half a pair \ud800"),
        ],
    )
    def test_refuses_texts_that_are_none(self, wish: rules.Wish) -> None:
        with pytest.raises(rules.TextInvalid):
            rules.check_wish(wish, **LIMITS)


class TestMaySeeDraft:
    @pytest.mark.parametrize(
        ("state", "person", "may"),
        [
            (State.APPROVAL_PENDING, BEN, True),
            (State.APPROVAL_PENDING, ADA, True),
            (State.APPROVAL_PENDING, CEM, False),
            (State.DENIED, ADA, True),
            (State.DENIED, BEN, False),
            (State.DENIED, CEM, False),
            (State.SEALING, ADA, False),
            (State.FAILED, ADA, False),
            (State.WITHDRAWN, ADA, False),
        ],
    )
    def test_shows_a_denied_draft_to_its_subjects_and_not_to_its_requester(
        self, state: State, person: UUID, may: bool
    ) -> None:
        seen = rules.may_see_draft(
            state=state, person_id=person, requester_id=BEN, subject_ids=(ADA, BEN)
        )

        assert seen is may


class TestNeedlessFiles:
    @pytest.mark.parametrize(
        ("state", "output", "sealed", "needless"),
        [
            (State.CANCELLED, "o", "s", ("o", "s")),
            (State.FAILED, "o", "", ("o",)),
            (State.DENIED, "o", "", ()),
            (State.DENIED, "o", "s", ("o",)),
            (State.RELEASED, "o", "s", ("o",)),
            (State.RELEASED, "", "s", ()),
            (State.SEALING, "o", "s", ()),
            (State.APPROVAL_PENDING, "o", "s", ()),
        ],
    )
    def test_names_what_nobody_is_owed(
        self, state: State, output: str, sealed: str, needless: tuple[str, ...]
    ) -> None:
        assert rules.needless_files(state=state, output=output, sealed=sealed) == needless


class TestWantsAnotherAttempt:
    @pytest.mark.parametrize(
        ("code", "number", "again"),
        [("lost", 1, True), ("lost", 2, True), ("lost", 3, False), ("backend-unknown", 1, False)],
    )
    def test_tries_again_what_may_go_better(self, code: str, number: int, again: bool) -> None:
        assert rules.wants_another_attempt(code=code, number=number, attempts_max=3) is again
