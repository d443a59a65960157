from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import listings, rechecks, uses, withdrawals
from ledger.consent.errors import AlreadyLocked, NothingToApprove, UseNotFound
from ledger.consent.models import Use
from ledger.consent.withdrawals import Done
from ledger.db import use_case
from ledger.outbox.models import OutboxMessage
from tests.factories import accounts, cameos, consent
from tests.factories.consent import NOON, codes

pytestmark = pytest.mark.django_db


def _withdraw(use: Use, by: Account) -> Done:
    return uses.withdraw(use_id=use.id, by=by, reason="", at=NOON)


class TestWithdraw:
    def test_takes_descendants_with_the_likeness_of_the_one_who_withdraws(self) -> None:
        hers, his = consent.open_cameo(), consent.open_cameo()
        requester = accounts.account()
        parent = consent.released(requester, hers, his)
        with_her = consent.released(requester, hers, parent_id=parent.id)
        with_him = consent.released(requester, his, parent_id=parent.id)
        below_him = consent.released(requester, hers, his, parent_id=with_him.id)

        done = _withdraw(parent, hers.owner)

        assert {*done.withdrawn} == {parent.id, with_her.id, below_him.id}
        assert consent.state_of(with_him) == "released"

    def test_of_what_was_remixed_very_often_takes_the_use_itself_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(withdrawals, "AT_ONCE_MAX", 1)
        cameo, requester = consent.open_cameo(), accounts.account()
        parent = consent.released(requester, cameo)
        remix = consent.dispatched(requester, cameo, parent_id=parent.id)

        done = _withdraw(parent, cameo.owner)

        assert (done.withdrawn, done.is_complete) == ((parent.id,), False)
        assert codes(consent.release(remix.id)) == ["ancestor-withdrawn"]

    def test_by_a_requester_who_is_not_in_it_takes_that_use_alone(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        parent = consent.released(requester, cameo)
        child = consent.released(accounts.account(), cameo, parent_id=parent.id)

        done = _withdraw(parent, requester)

        assert done.withdrawn == (parent.id,)
        assert consent.state_of(child) == "released"

    def test_cancels_what_is_not_released_yet(self) -> None:
        cameo = consent.open_cameo()
        draft = consent.dispatched(accounts.account(), cameo)

        done = _withdraw(draft, cameo.owner)

        assert (done.cancelled, done.withdrawn) == ((draft.id,), ())

    def test_cancels_remixes_in_flight_whoever_is_in_them(self) -> None:
        cameo, other = consent.open_cameo(), consent.open_cameo()
        parent = consent.released(accounts.account(), cameo)
        remix = consent.dispatched(accounts.account(), other, parent_id=parent.id)

        done = _withdraw(parent, cameo.owner)

        assert done.cancelled == (remix.id,)

    def test_can_be_repeated(self) -> None:
        cameo = consent.open_cameo()
        use = consent.released(accounts.account(), cameo)
        _withdraw(use, cameo.owner)

        assert _withdraw(use, cameo.owner) == Done()

    def test_looks_to_a_stranger_as_if_it_were_not_there(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())

        with pytest.raises(UseNotFound):
            _withdraw(use, accounts.account())

        assert consent.state_of(use) == "released"

    def test_refuses_an_unknown_use(self) -> None:
        with pytest.raises(UseNotFound):
            uses.withdraw(use_id=uuid4(), by=accounts.account(), reason="", at=NOON)


class TestWithdrawByCase:
    def test_takes_descendants_that_contain_anybody_of_its_cast(self) -> None:
        one, other = consent.open_cameo(), consent.open_cameo()
        requester = accounts.account()
        parent = consent.released(requester, one)
        with_one = consent.released(requester, one, other, parent_id=parent.id)
        without = consent.released(requester, other, parent_id=parent.id)

        done = use_case(uses.withdraw_by_case)(
            use_id=parent.id, case_id=uuid4(), code="takedown", at=NOON
        )

        assert {*done.withdrawn} == {parent.id, with_one.id}
        assert consent.state_of(without) == "released"
        assert {change.code for change in consent.told} == {"takedown"}


class TestLockRemix:
    def test_cancels_remixes_in_flight_at_any_depth(self) -> None:
        cameo, other = consent.open_cameo(), consent.open_cameo()
        requester = accounts.account()
        parent = consent.released(requester, cameo)
        child = consent.released(requester, other, parent_id=parent.id)
        running = consent.dispatched(requester, other, parent_id=child.id)

        uses.lock_remix(use_id=parent.id, by=cameo.owner, at=NOON)

        assert consent.state_of(running) == "cancelled"
        assert codes(consent.ask(requester, other, parent_id=child.id)) == ["remix-locked"]

    def test_raises_the_epoch_of_the_whole_cast(self) -> None:
        cast = [consent.open_cameo(), consent.open_cameo()]
        use = consent.released(accounts.account(), *cast)

        uses.lock_remix(use_id=use.id, by=use.requester, at=NOON)

        assert {*Cameo.objects.values_list("epoch", flat=True)} == {1}

    def test_is_refused_the_second_time(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())
        uses.lock_remix(use_id=use.id, by=use.requester, at=NOON)

        with pytest.raises(AlreadyLocked):
            uses.lock_remix(use_id=use.id, by=use.requester, at=NOON)

    def test_is_refused_to_a_stranger(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())

        with pytest.raises(UseNotFound):
            uses.lock_remix(use_id=use.id, by=accounts.account(), at=NOON)


class TestUnlockRemix:
    def test_ends_ones_own_lock_and_nobody_elses(self) -> None:
        cameo = consent.open_cameo()
        use = consent.released(accounts.account(), cameo)
        uses.lock_remix(use_id=use.id, by=cameo.owner, at=NOON)

        uses.unlock_remix(use_id=use.id, by=use.requester, at=NOON)
        by_another = consent.ask(use.requester, cameo, parent_id=use.id)
        uses.unlock_remix(use_id=use.id, by=cameo.owner, at=NOON)
        by_owner = consent.ask(use.requester, cameo, parent_id=use.id)

        assert codes(by_another) == ["remix-locked"]
        assert by_owner.is_permitted

    def test_is_refused_to_a_stranger(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())

        with pytest.raises(UseNotFound):
            uses.unlock_remix(use_id=use.id, by=accounts.account(), at=NOON)


class TestApprove:
    @pytest.fixture
    def draft(self) -> Use:
        cameo = consent.open_cameo(terms={"draft_approval": True})
        use = consent.dispatched(accounts.account(), cameo)
        consent.release(use.id)
        return use

    def _answer(self, use: Use, by: Account, *, is_approved: bool = True) -> None:
        uses.approve(use_id=use.id, by=by, is_approved=is_approved, at=NOON)

    def test_owes_another_release(self, draft: Use) -> None:
        self._answer(draft, draft.cast.get().cameo.owner)

        message = OutboxMessage.objects.get(topic="use.approved")
        assert message.payload == {"use_id": str(draft.id)}
        assert consent.release(draft.id).is_permitted
        assert consent.state_of(draft) == "released"

    def test_is_once(self, draft: Use) -> None:
        owner = draft.cast.get().cameo.owner
        self._answer(draft, owner)

        with pytest.raises(NothingToApprove):
            self._answer(draft, owner, is_approved=False)

    def test_is_refused_before_there_is_a_draft_to_see(self) -> None:
        cameo = consent.open_cameo(terms={"draft_approval": True})
        use = consent.dispatched(accounts.account(), cameo)

        with pytest.raises(NothingToApprove):
            self._answer(use, cameo.owner)

    @pytest.mark.parametrize("who", ["requester", "stranger"])
    def test_is_refused_to_whoever_is_not_in_it(self, draft: Use, who: str) -> None:
        by = draft.requester if who == "requester" else accounts.account()

        with pytest.raises(UseNotFound):
            self._answer(draft, by)

    def test_no_answer_in_seven_days_is_a_refusal(self, draft: Use) -> None:
        week = timedelta(days=7)
        soon = rechecks.close_unanswered(before=NOON + week - uses.APPROVAL_PERIOD, at=NOON + week)
        assert (soon, consent.state_of(draft)) == (0, "dispatched")

        later = NOON + week + timedelta(seconds=1)
        closed = rechecks.close_unanswered(before=later - uses.APPROVAL_PERIOD, at=later)

        assert (closed, consent.state_of(draft)) == (1, "cancelled")
        assert [change.code for change in consent.told] == ["draft-unanswered"]


class TestUsesOf:
    def test_says_what_waits_for_an_answer_and_what_one_has_locked(self) -> None:
        cameo = consent.open_cameo(terms={"draft_approval": True})
        other = consent.open_cameo()
        requester = accounts.account()
        draft = consent.dispatched(requester, cameo, other)
        consent.release(draft.id)
        locked = consent.released(requester, other)
        uses.lock_remix(use_id=locked.id, by=other.owner, at=NOON)

        shown = {
            person: {use.id: _marks_of(use) for use in listings.uses_of(account_id=person.id)}
            for person in (cameo.owner, other.owner, requester, accounts.account())
        }

        assert list(shown.values()) == [
            {draft.id: (True, False)},
            {draft.id: (False, False), locked.id: (False, True)},
            {draft.id: (False, False), locked.id: (False, False)},
            {},
        ]

    def test_asks_two_queries_whatever_the_length(self, django_assert_num_queries: Any) -> None:
        cameo = consent.open_cameo()
        for _ in range(4):
            consent.requested(accounts.account(), cameo)

        with django_assert_num_queries(2):
            rows = list(listings.uses_of(account_id=cameo.owner_id))
            owners = {member.cameo.owner_id for use in rows for member in use.cast.all()}

        assert (len(rows), owners) == (4, {cameo.owner_id})


def _marks_of(use: Any) -> tuple[bool, bool]:
    return use.awaits_my_answer, use.is_remix_locked_by_me


class TestHeldCameos:
    def test_a_draft_cameo_denies_its_owner_too(self) -> None:
        cameo = cameos.cameo(state="draft")

        assert codes(consent.ask(cameo.owner, cameo)) == ["cameo-draft"]
