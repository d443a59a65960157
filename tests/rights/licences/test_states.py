"""Which state follows which."""

from __future__ import annotations

import pytest

from rights.licences import states


class TestTransitions:
    def test_name_only_known_states(self) -> None:
        known = states.TRANSITIONS.keys()

        assert all(following <= known for following in states.TRANSITIONS.values())

    def test_lead_every_state_to_an_end_or_to_captured(self) -> None:
        resting = states.ENDS | {states.CAPTURED}
        reaching = set(resting)
        for _ in states.TRANSITIONS:
            reaching |= {before for before, after in states.TRANSITIONS.items() if after & reaching}

        assert reaching == states.TRANSITIONS.keys()

    def test_never_lead_back_from_an_end(self) -> None:
        assert {states.VOIDED, states.REFUNDED, states.EXPIRED} == states.ENDS

    def test_never_take_money_that_was_let_go(self) -> None:
        for state in (states.VOID_INTENDED, states.VOIDED, states.REFUND_INTENDED):
            assert not states.may_follow(state, states.CAPTURED)
            assert not states.may_follow(state, states.AUTHORISED)


class TestAfterUseEnds:
    @pytest.mark.parametrize(
        ("state", "after"),
        [
            (states.QUOTED, states.EXPIRED),
            (states.AUTHORISING, states.VOID_INTENDED),
            (states.AUTHORISED, states.VOID_INTENDED),
            (states.CAPTURE_INTENDED, states.REFUND_INTENDED),
            (states.CAPTURED, None),
            (states.VOIDED, None),
        ],
    )
    def test_lets_money_go_that_was_not_taken(self, state: str, after: str | None) -> None:
        assert states.after_use_ends(state, is_withdrawn=False, is_refundable=True) == after

    @pytest.mark.parametrize(
        ("is_refundable", "after"), [(True, states.REFUND_INTENDED), (False, None)]
    )
    def test_gives_money_back_within_the_window_only(
        self, is_refundable: bool, after: str | None
    ) -> None:
        found = states.after_use_ends(
            states.CAPTURED, is_withdrawn=True, is_refundable=is_refundable
        )

        assert found == after

    @pytest.mark.parametrize("state", sorted(states.TRANSITIONS))
    @pytest.mark.parametrize("is_withdrawn", [True, False])
    def test_names_only_transitions_that_exist(self, state: str, is_withdrawn: bool) -> None:
        after = states.after_use_ends(state, is_withdrawn=is_withdrawn, is_refundable=True)

        assert after is None or states.may_follow(state, after)
