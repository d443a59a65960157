from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import grants, relations, tasks, withdrawals
from ledger.consent.models import Use
from ledger.outbox.models import OutboxMessage
from tests.factories import accounts, cameos, consent
from tests.factories.consent import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def _carry(topic: str, task: Any) -> None:
    """Carry every owed message of a topic, as a worker would."""
    for message in OutboxMessage.objects.filter(topic=topic, done_at=None, failed_at=None):
        task(message_id=str(message.id), **message.payload)


def _mutuals() -> tuple[Cameo, Account]:
    cameo, requester = cameos.cameo(audience="mutuals"), accounts.account()
    consent.follow_each_other(requester, cameo.owner)
    return cameo, requester


class TestRecheck:
    def test_ends_open_uses_that_would_be_denied_now(self) -> None:
        cameo, requester = _mutuals()
        queued, running = consent.requested(requester, cameo), consent.dispatched(requester, cameo)
        own = consent.dispatched(cameo.owner, cameo)
        relations.unfollow(by=requester, account_id=cameo.owner_id, at=NOON)

        _carry("consent.tightened", tasks.recheck)

        assert [consent.state_of(use) for use in (queued, running, own)] == [
            "cancelled",
            "cancelled",
            "dispatched",
        ]
        assert {(change.state, change.code) for change in consent.told} == {
            ("cancelled", "consent-withdrawn")
        }

    def test_leaves_a_licence_that_is_not_paid_yet(self) -> None:
        cameo = consent.open_cameo(
            terms={
                "purposes": ["personal", "commercial"],
                "fees": {"commercial": {"amount_minor": 5, "currency": "usd"}},
            }
        )
        requester = accounts.account()
        use = consent.requested(requester, cameo, purpose="commercial")
        relations.block(by=cameo.owner, account_id=accounts.account().id, at=NOON)

        _carry("consent.tightened", tasks.recheck)

        assert consent.state_of(use) == "requested"

    def test_does_nothing_the_second_time(self) -> None:
        cameo, requester = _mutuals()
        consent.requested(requester, cameo)
        relations.unfollow(by=requester, account_id=cameo.owner_id, at=NOON)
        (message,) = OutboxMessage.objects.filter(topic="consent.tightened")

        for _ in range(2):
            tasks.recheck(message_id=str(message.id), **message.payload)

        assert len(consent.told) == 1

    def test_goes_on_in_a_further_message_where_there_are_many(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "BATCH", 2)
        cameo, requester = _mutuals()
        made = [consent.requested(requester, cameo) for _ in range(3)]
        relations.unfollow(by=requester, account_id=cameo.owner_id, at=NOON)

        _carry("consent.tightened", tasks.recheck)
        first = sum(consent.state_of(use) == "cancelled" for use in made)
        _carry("consent.tightened", tasks.recheck)

        assert first == 2
        assert {consent.state_of(use) for use in made} == {"cancelled"}


class TestCloseApprovals:
    def test_refuses_drafts_that_waited_for_more_than_a_week(self) -> None:
        cameo = consent.open_cameo(terms={"draft_approval": True})
        draft = consent.dispatched(accounts.account(), cameo)
        consent.release(draft.id)
        Use.objects.filter(id=draft.id).update(approval_asked_at=NOON - timedelta(days=400))
        message = OutboxMessage.objects.create(
            topic="clock.approvals", payload={}, due_at=NOON, created_at=NOON
        )

        tasks.close_approvals(message_id=str(message.id))

        assert consent.state_of(draft) == "cancelled"


class TestCarryAct:
    def test_carries_a_large_act_until_nothing_is_left(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(withdrawals, "AT_ONCE_MAX", 2)
        cameo, requester = consent.open_cameo(), accounts.account()
        made = [consent.released(requester, cameo) for _ in range(3)]
        remix = consent.released(requester, cameo, parent_id=made[0].id)

        revoked = grants.lockdown(
            cameo_id=cameo.id, act="remove", reason="", by=cameo.owner, at=NOON
        )
        _carry("consent.act", tasks.carry_act)

        assert not revoked.is_complete
        assert {consent.state_of(each) for each in (*made, remix)} == {"withdrawn"}
        assert not OutboxMessage.objects.filter(topic="consent.act", done_at=None).exists()
