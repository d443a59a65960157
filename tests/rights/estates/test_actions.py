"""Claims, disputes between them, and what a dispute stops."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError

from ledger.cameos import epochs
from ledger.cameos.models import Cameo
from ledger.log.models import StagedEntry
from ledger.outbox.models import OutboxMessage
from rights.estates import actions as estates
from rights.estates import queries
from rights.estates.errors import (
    ClaimClosed,
    ClaimRepeated,
    ClaimUnusable,
    EstateNotFound,
    ProtectionEnded,
    SelfVerification,
)
from rights.estates.models import Estate
from tests.factories import accounts, consent
from tests.factories import rights as make

pytestmark = pytest.mark.django_db
NOON, DAY = make.NOON, timedelta(days=1)


def _verify(made: Estate, by: Any = None) -> Estate:
    return estates.verify(estate_id=made.id, by=by or accounts.account(), at=NOON)


def _reject(made: Estate, by: Any = None) -> Estate:
    by = by or accounts.account()
    return estates.reject(estate_id=made.id, by=by, reason="test", at=NOON)


def _states(*made: Estate) -> list[str]:
    found = dict(Estate.objects.values_list("id", "state"))
    return [found[each.id] for each in made]


class TestClaim:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"person_name": "!!!"},
            {"person_name": "a" * 201},
            {"died_on": NOON.date() + DAY},
            {"domicile": "California"},
        ],
    )
    def test_refuses_what_nobody_could_decide(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ClaimUnusable):
            make.claim(**wrong)

        assert not StagedEntry.objects.exists()

    def test_is_refused_the_second_time_however_the_name_is_spelled(self) -> None:
        claimant = accounts.account()
        make.claim(claimant)

        with pytest.raises(ClaimRepeated):
            make.claim(claimant, person_name="IONE VALÉ")

    def test_may_be_made_again_once_the_first_was_refused(self) -> None:
        claimant = accounts.account()
        _reject(make.claim(claimant))

        assert make.claim(claimant).state == "submitted"

    @pytest.mark.parametrize(
        ("wrong", "name"),
        [
            ({"share_bps": 0}, "estate_share_is_a_share"),
            ({"share_bps": 10_001}, "estate_share_is_a_share"),
            ({"born_on": date(2020, 1, 1)}, "estate_person_died_after_birth"),
        ],
    )
    def test_is_held_by_the_database_too(self, wrong: dict[str, Any], name: str) -> None:
        with pytest.raises(IntegrityError, match=name):
            make.claim(**wrong)


class TestVerify:
    def test_names_who_verified_and_until_when(self) -> None:
        by, made = accounts.account(), make.claim()

        _verify(made, by)

        made.refresh_from_db()
        assert (made.state, made.verified_by) == ("verified", by)
        assert made.protected_until == date(2089, 11, 30)

    def test_is_refused_to_the_claimant(self) -> None:
        made = make.claim()

        with pytest.raises(SelfVerification):
            _verify(made, made.claimant)

    def test_is_refused_to_a_rival_claimant(self) -> None:
        made, rival = make.claim(), make.claim()

        with pytest.raises(SelfVerification):
            _verify(made, rival.claimant)

    def test_is_held_by_the_database_too(self) -> None:
        made = make.estate()

        with pytest.raises(IntegrityError, match="estate_does_not_verify_itself"):
            Estate.objects.filter(id=made.id).update(verified_by=made.claimant)

    def test_is_refused_once_the_protection_has_ended(self) -> None:
        with pytest.raises(ProtectionEnded):
            _verify(make.claim(born_on=None, died_on=date(1950, 6, 1)))

    def test_is_refused_twice_and_where_there_is_none(self) -> None:
        made = make.estate()

        with pytest.raises(ClaimClosed):
            _verify(made)
        with pytest.raises(EstateNotFound):
            estates.verify(estate_id=uuid4(), by=accounts.account(), at=NOON)


class TestDispute:
    def test_denies_every_use_of_the_cameo_the_owners_too_until_it_is_settled(self) -> None:
        cameo = consent.open_cameo()
        first, second = make.estate(cameo=cameo), make.estate(cameo=cameo)
        asked = [consent.ask(by, cameo) for by in (accounts.account(), cameo.owner)]

        assert _states(first, second) == ["disputed", "disputed"]
        assert [set(consent.codes(each)) for each in asked] == [{"estate-dispute"}] * 2
        assert second.id in {each.row_id for each in asked[0].findings}

        _reject(second)

        assert _states(first, second) == ["verified", "ended"]
        assert consent.ask(accounts.account(), cameo).is_permitted

    def test_raises_the_epoch_and_owes_the_check_of_open_uses(self) -> None:
        cameo = consent.open_cameo()
        make.estate(cameo=cameo)
        OutboxMessage.objects.all().delete()

        make.estate(cameo=cameo)

        assert Cameo.objects.get(id=cameo.id).epoch == cameo.epoch + 1
        (message,) = OutboxMessage.objects.filter(topic=epochs.TOPIC)
        assert message.payload == {"cameo_ids": [str(cameo.id)]}

    def test_is_found_by_the_cameo_where_names_differ(self) -> None:
        cameo = consent.open_cameo()
        first = make.estate(cameo=cameo)

        second = make.estate(cameo=cameo, person_name="Iona Vale")

        assert _states(first, second) == ["disputed", "disputed"]

    def test_is_none_between_claims_on_different_people(self) -> None:
        first, second = make.estate(), make.estate(born_on=date(1930, 1, 1))

        assert _states(first, second) == ["verified", "verified"]

    def test_of_three_goes_on_between_two(self) -> None:
        made = [make.estate() for _ in range(3)]

        _reject(made[0])

        assert _states(*made) == ["ended", "disputed", "disputed"]

    def test_is_not_decided_by_a_claimant_who_works_here(self) -> None:
        first, second = make.estate(), make.estate()

        with pytest.raises(SelfVerification):
            _reject(second, first.claimant)

        assert _states(first, second) == ["disputed", "disputed"]

    def test_ends_when_a_claimant_gives_up(self) -> None:
        first, second = make.estate(), make.estate()

        _reject(second, second.claimant)

        assert _states(first, second) == ["verified", "ended"]

    def test_is_not_begun_by_a_claim_that_nobody_accepted(self) -> None:
        first = make.estate()
        make.claim()

        assert _states(first) == ["verified"]


class TestReject:
    def test_refuses_a_claim_that_waits_and_ends_one_that_was_accepted(self) -> None:
        waiting, accepted = make.claim(), make.estate(person_name="Someone Else")

        _reject(waiting)
        _reject(accepted)

        assert _states(waiting, accepted) == ["rejected", "ended"]

    def test_is_refused_twice_and_where_there_is_none(self) -> None:
        for made in (make.claim(), make.estate(person_name="Someone Else")):
            _reject(made)
            with pytest.raises(ClaimClosed):
                _reject(made)
        with pytest.raises(EstateNotFound):
            estates.reject(estate_id=uuid4(), by=accounts.account(), reason="", at=NOON)


class TestVerifiedFor:
    def test_finds_ones_own_while_it_is_protected(self) -> None:
        made = make.estate()

        def found(who: Any, on: date) -> Estate | None:
            return queries.verified_for(claimant_id=who.id, estate_id=made.id, on=on)

        assert found(made.claimant, NOON.date()) == made
        assert found(accounts.account(), NOON.date()) is None
        assert found(made.claimant, date(2089, 11, 30)) is None

    @pytest.mark.parametrize("how", ["claim", "dispute", "end"])
    def test_finds_none_that_is_not_accepted(self, how: str) -> None:
        made = make.claim() if how == "claim" else make.estate()
        if how == "dispute":
            make.estate()
        elif how == "end":
            _reject(made)

        assert (
            queries.verified_for(claimant_id=made.claimant_id, estate_id=made.id, on=NOON.date())
            is None
        )
