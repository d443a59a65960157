from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from ledger.accounts.errors import AccountNotFound
from ledger.accounts.models import Account, Block, Follow
from ledger.consent import relations
from ledger.consent.errors import GuardianshipNotFound, GuardianshipUnusable, RelationUnusable
from ledger.log.models import StagedEntry
from ledger.outbox.models import OutboxMessage
from tests.factories import accounts, cameos, consent
from tests.factories.consent import NOON, codes

pytestmark = pytest.mark.django_db

Act = Callable[..., Any]
ACTS = [relations.follow, relations.unfollow, relations.block, relations.unblock]


@pytest.mark.parametrize("act", ACTS)
class TestEveryRelation:
    def test_refuses_ones_own_account(self, act: Act) -> None:
        me = accounts.account()

        with pytest.raises(RelationUnusable):
            act(by=me, account_id=me.id, at=NOON)

    def test_refuses_an_account_that_is_not_there(self, act: Act) -> None:
        with pytest.raises(AccountNotFound):
            act(by=accounts.account(), account_id=uuid4(), at=NOON)

    def test_can_be_repeated_and_is_logged_once(self, act: Act) -> None:
        me, other = accounts.account(), accounts.account()
        if act in (relations.unfollow, relations.unblock):
            undone = relations.follow if act is relations.unfollow else relations.block
            undone(by=me, account_id=other.id, at=NOON)
        before = StagedEntry.objects.count()

        act(by=me, account_id=other.id, at=NOON)
        once = StagedEntry.objects.count()
        act(by=me, account_id=other.id, at=NOON)

        assert once == before + 1
        assert StagedEntry.objects.count() == once


class TestTightening:
    @pytest.mark.parametrize("act", [relations.unfollow, relations.block])
    def test_raises_the_epochs_of_both_peoples_cameos(self, act: Act) -> None:
        mine, theirs = cameos.cameo(), cameos.cameo()
        relations.follow(by=mine.owner, account_id=theirs.owner_id, at=NOON)

        act(by=mine.owner, account_id=theirs.owner_id, at=NOON)

        for cameo in (mine, theirs):
            cameo.refresh_from_db()
            assert cameo.epoch == 1

    @pytest.mark.parametrize("act", [relations.follow, relations.unblock])
    def test_is_nothing_that_only_opens(self, act: Act) -> None:
        mine, theirs = cameos.cameo(), cameos.cameo()

        act(by=mine.owner, account_id=theirs.owner_id, at=NOON)

        mine.refresh_from_db()
        assert mine.epoch == 0

    def test_one_sided_following_is_not_mutual(self) -> None:
        cameo, requester = cameos.cameo(audience="mutuals"), accounts.account()
        relations.follow(by=requester, account_id=cameo.owner_id, at=NOON)

        assert codes(consent.ask(requester, cameo)) == ["no-grant-in-force"]

    def test_unblocking_opens_again(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        relations.block(by=cameo.owner, account_id=requester.id, at=NOON)
        relations.unblock(by=cameo.owner, account_id=requester.id, at=NOON)

        assert consent.ask(requester, cameo).is_permitted

    def test_the_rows_say_who_and_whom(self) -> None:
        me, other = accounts.account(), accounts.account()
        relations.follow(by=me, account_id=other.id, at=NOON)
        relations.block(by=other, account_id=me.id, at=NOON)

        assert Follow.objects.values_list("follower_id", "followed_id").get() == (me.id, other.id)
        assert Block.objects.values_list("blocker_id", "blocked_id").get() == (other.id, me.id)


class TestSuspend:
    def _suspend(self, account: Account) -> None:
        relations.suspend(account_id=account.id, by=accounts.account(), reason="x", at=NOON)

    def test_denies_what_is_in_flight_and_owes_its_check(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        use = consent.dispatched(requester, cameo)

        self._suspend(requester)

        message = OutboxMessage.objects.get(topic="consent.tightened")
        assert message.payload == {"cameo_ids": [str(cameo.id)]}
        cameo.refresh_from_db()
        assert cameo.epoch == 0  # Others' permits on that cameo stay good.
        assert codes(consent.release(use.id)) == ["requester-suspended"]

    def test_is_undone_by_reinstating(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        self._suspend(requester)
        relations.reinstate(account_id=requester.id, by=cameo.owner, reason="", at=NOON)

        assert consent.ask(requester, cameo).is_permitted

    def test_refuses_an_account_that_is_not_there(self) -> None:
        with pytest.raises(AccountNotFound):
            relations.suspend(account_id=uuid4(), by=accounts.account(), reason="", at=NOON)


class TestGuardianship:
    def test_is_refused_between_adults(self) -> None:
        with pytest.raises(GuardianshipUnusable):
            _guard(accounts.account(), accounts.account())

    def test_is_refused_by_a_minor(self) -> None:
        with pytest.raises(GuardianshipUnusable):
            _guard(accounts.minor(), accounts.minor())

    def test_is_refused_twice_at_a_time(self) -> None:
        guardian, minor = accounts.account(), accounts.minor()
        _guard(guardian, minor)

        with pytest.raises(GuardianshipUnusable):
            _guard(guardian, minor)

    def test_is_refused_for_somebody_who_is_not_there(self) -> None:
        with pytest.raises(AccountNotFound):
            relations.start_guardianship(guardian_id=uuid4(), minor_id=accounts.minor().id, at=NOON)

    def test_ends_once(self) -> None:
        row = _guard(accounts.account(), accounts.minor())
        relations.end_guardianship(guardianship_id=row.id, at=NOON.replace(hour=13))

        with pytest.raises(GuardianshipNotFound):
            relations.end_guardianship(guardianship_id=row.id, at=NOON.replace(hour=14))

    def test_refuses_to_end_what_is_not_there(self) -> None:
        with pytest.raises(GuardianshipNotFound):
            relations.end_guardianship(guardianship_id=uuid4(), at=NOON)


def _guard(guardian: Account, minor: Account) -> Any:
    return relations.start_guardianship(guardian_id=guardian.id, minor_id=minor.id, at=NOON)
