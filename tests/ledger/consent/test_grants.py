from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import grants, previews, relations, uses, withdrawals
from ledger.consent.errors import (
    AlreadyRevoked,
    GrantAlreadyConfirmed,
    GrantNotFound,
    GrantUnusable,
    LineageMoved,
)
from ledger.consent.grants import GrantTerms
from ledger.consent.models import Grant, Revocation
from ledger.log.models import StagedEntry
from ledger.notifications.models import Notification
from ledger.outbox.models import OutboxMessage
from tests.factories import accounts, cameos, consent
from tests.factories.consent import MINUTE, NOON, codes

pytestmark = pytest.mark.django_db


def _give(cameo: Cameo, grantee: Account, by: Account | None = None, **terms: Any) -> Grant:
    return grants.give(
        cameo_id=cameo.id,
        grantee_id=grantee.id,
        terms=GrantTerms(**terms),
        by=by or cameo.owner,
        at=NOON,
    )


def _revoke(grant: Grant, act: str = "stop", by: Account | None = None) -> grants.Revoked:
    return grants.revoke(
        grant_id=grant.id, act=act, reason="", by=by or grant.cameo.owner, at=NOON + MINUTE
    )


class TestGive:
    def test_pins_the_terms_of_now_and_tells_the_grantee(self) -> None:
        cameo, grantee = cameos.cameo(), accounts.account()

        grant = _give(cameo, grantee, seconds_max=5)

        assert (grant.terms_id, grant.seconds_max) == (cameo.terms_id, 5)
        assert Notification.objects.get(account=grantee).kind == "grant.given"
        assert StagedEntry.objects.count() == 1

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            ({"purposes": ()}, "purposes"),
            ({"purposes": ("commercial",)}, "purposes"),
            ({"purposes": ("sexual",)}, "purposes"),
            ({"ends_at": NOON}, "ends_at"),
            ({"renders_max": 0}, "renders_max"),
            ({"renders_per_day_max": 10_000_000}, "renders_per_day_max"),
            ({"seconds_max": 0}, "seconds_max"),
            ({"territories": ("DE",) * 251}, "territories"),
        ],
    )
    def test_refuses_what_is_outside_its_bounds(self, terms: dict[str, Any], field: str) -> None:
        with pytest.raises(GrantUnusable) as refused:
            _give(cameos.cameo(), accounts.account(), **terms)

        assert refused.value.members == {"field": field}

    def test_refuses_a_grant_to_its_owner(self) -> None:
        cameo = cameos.cameo()

        with pytest.raises(GrantUnusable):
            _give(cameo, cameo.owner)

    def test_refuses_a_grantee_who_is_not_there(self) -> None:
        with pytest.raises(GrantNotFound):
            _give(cameos.cameo(), Account(id=uuid4()))

    def test_refuses_a_cameo_of_somebody_else(self) -> None:
        stranger = accounts.account()

        with pytest.raises(GrantNotFound):
            _give(cameos.cameo(), accounts.account(), by=stranger)

    def test_refuses_one_grant_more_than_can_be_taken_back_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(grants, "GRANTS_MAX", 1)
        cameo = cameos.cameo()
        _give(cameo, accounts.account())

        with pytest.raises(GrantUnusable):
            _give(cameo, accounts.account())


class TestGrantRow:
    def test_is_never_changed(self) -> None:
        grant = _give(cameos.cameo(), accounts.account())

        with pytest.raises(ProgrammingError, match="ledger_grant"), transaction.atomic():
            Grant.objects.filter(id=grant.id).update(remix_allowed=True)

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"ends_at": NOON}, "grant_ends_after_it_starts"),
            ({"purposes": ["sexual"]}, "grant_never_allows_sexual_use"),
        ],
    )
    def test_violates(self, fields: dict[str, Any], constraint: str) -> None:
        cameo = cameos.cameo()
        row = {
            "cameo": cameo,
            "grantor": cameo.owner,
            "grantee": accounts.account(),
            "terms": cameo.terms,
            "purposes": ["personal"],
            "starts_at": NOON,
            "created_at": NOON,
        }

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Grant.objects.create(**(row | fields))


class TestConfirm:
    @pytest.fixture
    def minor(self) -> Account:
        return accounts.minor()

    @pytest.fixture
    def guardian(self, minor: Account) -> Account:
        guardian = accounts.account()
        relations.start_guardianship(guardian_id=guardian.id, minor_id=minor.id, at=NOON)
        return guardian

    @pytest.mark.parametrize("first", ["minor", "guardian"])
    def test_puts_a_minors_grant_in_force_once_both_gave_it(
        self, minor: Account, guardian: Account, first: str
    ) -> None:
        cameo, friend = cameos.cameo(minor, audience="approved"), accounts.minor()
        giver, other = (minor, guardian) if first == "minor" else (guardian, minor)
        grant = _give(cameo, friend, by=giver)

        before = consent.ask(friend, cameo)
        grants.confirm(grant_id=grant.id, by=other, at=NOON)
        after = consent.ask(friend, cameo)

        assert codes(before) == ["no-grant-in-force"]
        assert after.is_permitted

    def test_is_not_the_giver_again(self, minor: Account) -> None:
        grant = _give(cameos.cameo(minor, audience="approved"), accounts.minor())

        with pytest.raises(GrantNotFound):
            grants.confirm(grant_id=grant.id, by=minor, at=NOON)

    def test_is_not_a_second_guardian(self, minor: Account, guardian: Account) -> None:
        second = accounts.account()
        relations.start_guardianship(guardian_id=second.id, minor_id=minor.id, at=NOON)
        grant = _give(cameos.cameo(minor, audience="approved"), accounts.minor(), by=guardian)

        with pytest.raises(GrantNotFound):
            grants.confirm(grant_id=grant.id, by=second, at=NOON)

    def test_is_not_a_stranger(self, minor: Account) -> None:
        grant = _give(cameos.cameo(minor, audience="approved"), accounts.minor())

        with pytest.raises(GrantNotFound):
            grants.confirm(grant_id=grant.id, by=accounts.account(), at=NOON)

    def test_is_once(self, minor: Account, guardian: Account) -> None:
        grant = _give(cameos.cameo(minor, audience="approved"), accounts.minor())
        grants.confirm(grant_id=grant.id, by=guardian, at=NOON)

        with pytest.raises(GrantAlreadyConfirmed):
            grants.confirm(grant_id=grant.id, by=guardian, at=NOON)

    def test_stays_needed_after_the_minor_came_of_age(
        self, minor: Account, guardian: Account
    ) -> None:
        cameo, friend = cameos.cameo(minor, audience="approved"), accounts.account()
        _give(cameo, friend, by=guardian)
        grown_up = NOON + timedelta(days=365 * 10)

        decided = consent.ask(friend, cameo, at=grown_up)

        assert codes(decided) == ["no-grant-in-force"]

    @pytest.mark.parametrize("who", ["minor", "guardian"])
    def test_lets_either_alone_revoke(self, minor: Account, guardian: Account, who: str) -> None:
        cameo, friend = cameos.cameo(minor, audience="approved"), accounts.minor()
        grant = _give(cameo, friend)
        grants.confirm(grant_id=grant.id, by=guardian, at=NOON)

        _revoke(grant, by=minor if who == "minor" else guardian)

        assert codes(consent.ask(friend, cameo, at=NOON + MINUTE)) == ["no-grant-in-force"]

    def test_never_lets_the_guardian_use_the_likeness(
        self, minor: Account, guardian: Account
    ) -> None:
        cameo = cameos.cameo(minor, audience="approved")
        grant = _give(cameo, guardian)

        grants.confirm(grant_id=grant.id, by=guardian, at=NOON)
        decided = consent.ask(guardian, cameo)

        assert "minors-cameo-and-adult-requester" in codes(decided)


class TestRevoke:
    @pytest.fixture
    def cameo(self) -> Cameo:
        return cameos.cameo(audience="approved")

    @pytest.fixture
    def grant(self, cameo: Cameo) -> Grant:
        return _give(cameo, accounts.account(), remix_allowed=True)

    def test_is_refused_the_second_time_and_leaves_no_trace(self, grant: Grant) -> None:
        _revoke(grant)
        before = StagedEntry.objects.count()

        with pytest.raises(AlreadyRevoked):
            _revoke(grant)

        assert grant.revocations.count() == 1
        assert StagedEntry.objects.count() == before

    def test_is_refused_to_the_grantee_as_if_it_were_not_there(self, grant: Grant) -> None:
        with pytest.raises(GrantNotFound):
            _revoke(grant, by=grant.grantee)

    def test_raises_the_epoch_and_owes_the_check_of_open_uses(
        self, cameo: Cameo, grant: Grant
    ) -> None:
        _revoke(grant)

        cameo.refresh_from_db()
        assert cameo.epoch == 1
        message = OutboxMessage.objects.get(topic="consent.tightened")
        assert message.payload == {"cameo_ids": [str(cameo.id)]}

    def test_stop_cancels_work_in_flight_and_leaves_what_exists(
        self, cameo: Cameo, grant: Grant
    ) -> None:
        made = consent.released(grant.grantee, cameo)
        queued = consent.requested(grant.grantee, cameo)
        running = consent.dispatched(grant.grantee, cameo)

        revoked = _revoke(grant)

        assert {*revoked.cancelled} == {queued.id, running.id}
        assert (revoked.frozen, revoked.withdrawn) == (0, ())
        assert consent.state_of(made) == "released"
        assert {change.code for change in consent.told} == {"consent-withdrawn"}

    def test_stop_leaves_what_rests_on_another_grant(self, cameo: Cameo, grant: Grant) -> None:
        other = _give(cameo, accounts.account())
        theirs = consent.dispatched(other.grantee, cameo)

        _revoke(grant)

        assert consent.state_of(theirs) == "dispatched"

    def test_freeze_forbids_remixing_what_exists(self, cameo: Cameo, grant: Grant) -> None:
        made = consent.released(grant.grantee, cameo)
        remix = consent.dispatched(grant.grantee, cameo, parent_id=made.id)

        revoked = _revoke(grant, "freeze")
        own = consent.ask(cameo.owner, cameo, parent_id=made.id)

        assert revoked.frozen == 1
        assert revoked.cancelled == (remix.id,)
        assert consent.state_of(made) == "released"
        assert codes(own) == ["remix-locked"]

    def test_remove_withdraws_descendants_that_contain_the_likeness_and_no_others(
        self, cameo: Cameo, grant: Grant
    ) -> None:
        other = consent.open_cameo()
        requester = grant.grantee
        made = consent.released(requester, cameo, other)
        with_her = consent.released(requester, cameo, other, parent_id=made.id)
        without = consent.released(requester, other, parent_id=made.id)
        below = consent.dispatched(requester, other, parent_id=with_her.id)

        revoked = _revoke(grant, "remove")

        assert {*revoked.withdrawn} == {made.id, with_her.id}
        assert revoked.cancelled == (below.id,)
        assert consent.state_of(without) == "released"
        without.refresh_from_db()
        assert without.parent_id == made.id  # The tombstone stays in the lineage.

    def test_remove_tells_observers_of_each_end(self, cameo: Cameo, grant: Grant) -> None:
        made = consent.released(grant.grantee, cameo)
        remix = consent.released(grant.grantee, cameo, parent_id=made.id)

        _revoke(grant, "remove")

        assert {(change.use_id, change.state) for change in consent.told} == {
            (made.id, "withdrawn"),
            (remix.id, "withdrawn"),
        }

    def test_granting_again_does_not_bring_back_what_was_removed(
        self, cameo: Cameo, grant: Grant
    ) -> None:
        made = consent.released(grant.grantee, cameo)
        _revoke(grant, "remove")

        _give(cameo, grant.grantee)
        again = consent.ask(grant.grantee, cameo, at=NOON + MINUTE)

        assert again.is_permitted
        assert consent.state_of(made) == "withdrawn"

    def test_owes_what_is_too_much_for_one_transaction(
        self, cameo: Cameo, grant: Grant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(withdrawals, "AT_ONCE_MAX", 1)
        monkeypatch.setattr(withdrawals, "CHUNK", 1)
        made = consent.released(grant.grantee, cameo)
        remix = consent.released(grant.grantee, cameo, parent_id=made.id)

        revoked = _revoke(grant, "remove")
        owed = OutboxMessage.objects.get(topic="consent.act")
        rest = [_carry(owed.payload) for _ in range(3)]

        assert not revoked.is_complete
        assert rest == [1, 1, 0]
        assert {consent.state_of(use) for use in (made, remix)} == {"withdrawn"}

    @pytest.mark.parametrize("act", ["stop", "freeze", "remove"])
    def test_too_large_for_one_transaction_is_seen_by_a_release_that_read_the_clock_before(
        self, cameo: Cameo, grant: Grant, act: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(withdrawals, "AT_ONCE_MAX", 0)
        use = consent.dispatched(grant.grantee, cameo)

        grants.revoke(grant_id=grant.id, act=act, reason="", by=cameo.owner, at=NOON + MINUTE)

        assert codes(consent.release(use.id, at=NOON)) == ["no-grant-in-force"]

    @pytest.mark.parametrize("act", ["freeze", "remove"])
    def test_too_large_for_one_transaction_stops_remixes_without_the_likeness_at_once(
        self, cameo: Cameo, grant: Grant, act: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(withdrawals, "AT_ONCE_MAX", 0)
        made = consent.released(grant.grantee, cameo)
        remix = consent.dispatched(grant.grantee, consent.open_cameo(), parent_id=made.id)

        _revoke(grant, act)

        assert codes(consent.release(remix.id)) == ["remix-locked"]


def _carry(payload: dict[str, Any]) -> int:
    act = withdrawals.Act(
        payload["kind"],
        frozenset(map(UUID, payload["cameo_ids"])),
        payload["code"],
        UUID(payload["by_id"]),
    )
    return withdrawals.carry_some([UUID(each) for each in payload["root_ids"]], act, at=NOON)


class TestRevokePerson:
    def test_ends_every_grant_to_the_person_and_what_they_made(self) -> None:
        cameo, person = consent.open_cameo(), accounts.account()
        held = [_give(cameo, person), _give(cameo, person)]
        other = _give(cameo, accounts.account())
        by_audience = consent.released(person, cameo, purpose="personal")

        revoked = grants.revoke_person(
            cameo_id=cameo.id,
            grantee_id=person.id,
            act="remove",
            reason="",
            by=cameo.owner,
            at=NOON,
        )

        assert {*revoked.grant_ids} == {grant.id for grant in held}
        assert revoked.withdrawn == (by_audience.id,)
        assert not other.revocations.exists()

    def test_is_refused_for_a_cameo_of_somebody_else(self) -> None:
        with pytest.raises(GrantNotFound):
            grants.revoke_person(
                cameo_id=cameos.cameo().id,
                grantee_id=uuid4(),
                act="stop",
                reason="",
                by=accounts.account(),
                at=NOON,
            )


class TestLockdown:
    def test_closes_the_cameo_and_takes_everything_back_in_one_call(self) -> None:
        cameo, stranger = consent.open_cameo(), accounts.account()
        held = [_give(cameo, accounts.account()) for _ in range(3)]
        running = consent.dispatched(stranger, cameo)
        own = consent.dispatched(cameo.owner, cameo)

        revoked = grants.lockdown(cameo_id=cameo.id, act="stop", reason="", by=cameo.owner, at=NOON)

        cameo.refresh_from_db()
        assert cameo.audience == "self"
        assert {*revoked.grant_ids} == {grant.id for grant in held}
        assert revoked.cancelled == (running.id,)
        assert consent.state_of(own) == "dispatched"
        assert codes(consent.ask(stranger, cameo)) == ["audience-self"]

    def test_can_remove_what_anybody_made_but_not_what_the_owner_made(self) -> None:
        cameo, stranger = consent.open_cameo(), accounts.account()
        theirs, own = consent.released(stranger, cameo), consent.released(cameo.owner, cameo)

        grants.lockdown(cameo_id=cameo.id, act="remove", reason="", by=cameo.owner, at=NOON)

        assert [consent.state_of(use) for use in (theirs, own)] == ["withdrawn", "released"]

    def test_can_be_repeated(self) -> None:
        cameo = consent.open_cameo()
        _give(cameo, accounts.account())
        for _ in range(2):
            grants.lockdown(cameo_id=cameo.id, act="stop", reason="", by=cameo.owner, at=NOON)

        assert Revocation.objects.count() == 1

    def test_is_refused_for_a_cameo_of_somebody_else(self) -> None:
        with pytest.raises(GrantNotFound):
            grants.lockdown(
                cameo_id=cameos.cameo().id,
                act="stop",
                reason="",
                by=accounts.account(),
                at=NOON,
            )


class TestPreview:
    @pytest.mark.parametrize(
        ("act", "shown"),
        [("stop", (1, 0, 0, 0)), ("freeze", (1, 1, 0, 0)), ("remove", (1, 1, 1, 3))],
    )
    def test_counts_what_the_act_then_does(
        self, act: str, shown: tuple[int, int, int, int]
    ) -> None:
        cameo, other = cameos.cameo(audience="approved"), consent.open_cameo()
        grant = _give(cameo, accounts.account(), remix_allowed=True)
        made = consent.released(grant.grantee, cameo)
        friend = accounts.account()
        second = _give(cameo, friend, remix_allowed=True)
        remix = consent.released(friend, cameo, other, parent_id=made.id)
        consent.dispatched(grant.grantee, cameo)
        if act == "remove":
            consent.licensed.add(cameo.id)

        preview = previews.of_revocation(grant_id=grant.id, act=act, by=cameo.owner, at=NOON)
        revoked = _revoke(grant, act)

        counted = (preview.open, preview.released, preview.descendants, preview.licences)
        assert counted == shown
        assert len(revoked.cancelled) == preview.open
        if act == "remove":
            assert {*revoked.withdrawn} == {made.id, remix.id}
        assert not second.revocations.exists()

    def test_is_refused_for_a_grant_of_somebody_else(self) -> None:
        grant = _give(cameos.cameo(), accounts.account())

        with pytest.raises(GrantNotFound):
            previews.of_revocation(grant_id=grant.id, act="stop", by=grant.grantee, at=NOON)


class TestRetrying:
    def test_gives_up_after_a_few_tries(self) -> None:
        tries: list[int] = []

        def act() -> None:
            tries.append(1)
            raise LineageMoved

        with pytest.raises(LineageMoved):
            uses.retrying(act)

        assert len(tries) == uses.TRIES_MAX
