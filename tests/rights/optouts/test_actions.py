"""Filing opt-outs, and every way and non-way between their states."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from uuid import uuid4

import pytest
from django.db import IntegrityError

from ledger.cameos import epochs
from ledger.log.models import StagedEntry
from ledger.outbox.models import OutboxMessage
from rights.optouts import actions as opt_outs
from rights.optouts import rules
from rights.optouts.errors import (
    AliasUnusable,
    HolderCannot,
    HolderNotVerified,
    HolderRepeated,
    OptOutNotFound,
    RightsHolderNotFound,
    SelfVerification,
    TooManyAliases,
    TransitionRefused,
)
from rights.optouts.models import OptOut, OptOutAlias, RightsHolder
from tests.factories import accounts, consent
from tests.factories import rights as make

pytestmark = pytest.mark.django_db
NOON = make.NOON


class TestRegisterHolder:
    def test_is_refused_for_an_account_that_is_one(self) -> None:
        account = accounts.account()
        make.holder(account, is_verified=False)

        with pytest.raises(HolderRepeated):
            make.holder(account, is_verified=False)

        assert RightsHolder.objects.count() == 1


class TestVerifyHolder:
    def test_names_who_verified_and_when(self) -> None:
        by, made = accounts.account(), make.holder(is_verified=False)

        opt_outs.verify_holder(holder_id=made.id, by=by, at=NOON)

        made.refresh_from_db()
        assert (made.state, made.verified_by, made.verified_at) == ("verified", by, NOON)

    def test_is_refused_to_the_holder_itself(self) -> None:
        made = make.holder(is_verified=False)

        with pytest.raises(SelfVerification):
            opt_outs.verify_holder(holder_id=made.id, by=made.account, at=NOON)

    def test_is_refused_the_second_time(self) -> None:
        made = make.holder()

        with pytest.raises(HolderCannot):
            opt_outs.verify_holder(holder_id=made.id, by=accounts.account(), at=NOON)

    def test_is_refused_where_there_is_none(self) -> None:
        with pytest.raises(RightsHolderNotFound):
            opt_outs.verify_holder(holder_id=uuid4(), by=accounts.account(), at=NOON)

    def test_is_held_by_the_database_too(self) -> None:
        made = make.holder()

        with pytest.raises(IntegrityError, match="holder_does_not_verify_itself"):
            RightsHolder.objects.filter(id=made.id).update(verified_by=made.account)

    def test_leaves_no_verified_holder_without_a_name_behind_it(self) -> None:
        made = make.holder()

        with pytest.raises(IntegrityError, match="verified_holder_names_who_verified"):
            RightsHolder.objects.filter(id=made.id).update(verified_by=None)


class TestSuspendHolder:
    def test_stops_filing_and_activating_and_nothing_that_is_active(self) -> None:
        made = make.holder()
        running = make.active(made)
        waiting = make.moved(make.opt_out(made, title="Other"), "verified")
        opt_outs.suspend_holder(holder_id=made.id, by=make.staff("moderator"), at=NOON)

        with pytest.raises(HolderCannot):
            make.opt_out(made, title="Third")
        with pytest.raises(HolderNotVerified):
            make.moved(waiting, "active")

        running.refresh_from_db()
        assert running.state == "active"

    def test_can_be_taken_back(self) -> None:
        made, by = make.holder(), make.staff("moderator")
        opt_outs.suspend_holder(holder_id=made.id, by=by, at=NOON)

        opt_outs.verify_holder(holder_id=made.id, by=by, at=NOON)

        assert make.opt_out(made).state == "submitted"

    def test_is_refused_before_a_verification_and_to_itself(self) -> None:
        made = make.holder(is_verified=False)

        with pytest.raises(HolderCannot):
            opt_outs.suspend_holder(holder_id=made.id, by=accounts.account(), at=NOON)
        with pytest.raises(SelfVerification):
            opt_outs.suspend_holder(holder_id=made.id, by=made.account, at=NOON)


class TestFile:
    def test_keeps_each_name_once_and_names_of_several_words_as_one_word_too(self) -> None:
        made = make.opt_out(title="Star Wars", aliases=["STAR-WARS", "Звёздные войны"])

        found = set(OptOutAlias.objects.filter(opt_out=made).values_list("skeleton", flat=True))
        assert {"star wars", "starwars"} <= found
        assert len(found) == 4

    @pytest.mark.parametrize("alias", ["", "!!!", "x", "a" * 201, "one " * 13, "\u200b\u200b"])
    def test_refuses_a_name_that_nothing_can_be_found_by(self, alias: str) -> None:
        with pytest.raises(AliasUnusable) as refusal:
            make.opt_out(aliases=["Fine", alias])

        assert refusal.value.members == {"place": 2}
        assert not OptOut.objects.exists()

    def test_takes_two_hundred_other_names_and_no_more(self) -> None:
        names = [f"name{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(201)]
        make.opt_out(aliases=names[:200])

        with pytest.raises(TooManyAliases):
            make.opt_out(aliases=names)

    def test_must_be_for_something(self) -> None:
        with pytest.raises(IntegrityError, match="opt_out_is_for_something"):
            make.opt_out(scopes=[])

    def test_must_end_after_it_starts(self) -> None:
        with pytest.raises(IntegrityError, match="opt_out_ends_after_it_starts"):
            make.opt_out(ends_at=NOON)


STATES = tuple(rules.TRANSITIONS)
WAYS = {
    "submitted": (),
    "verified": ("verified",),
    "active": ("verified", "active"),
    "contested": ("verified", "active", "contested"),
    "withdrawn": ("withdrawn",),
}
ALLOWED = {
    ("submitted", "verified"), ("submitted", "withdrawn"), ("verified", "active"),
    ("verified", "withdrawn"), ("active", "contested"), ("active", "withdrawn"),
    ("contested", "active"), ("contested", "withdrawn"),
}  # fmt: skip


class TestMove:
    @pytest.mark.parametrize(("before", "after"), sorted(product(STATES, STATES)))
    def test_goes_only_the_ways_there_are(self, before: str, after: str) -> None:
        by = make.staff("moderator")
        made = make.moved(make.opt_out(), *WAYS[before], by=by)
        staged = StagedEntry.objects.count()
        later = NOON + timedelta(hours=1)

        if (before, after) in ALLOWED:
            opt_outs.move(opt_out_id=made.id, to=after, by=by, reason="why", at=later)
        else:
            with pytest.raises(TransitionRefused):
                opt_outs.move(opt_out_id=made.id, to=after, by=by, reason="why", at=later)

        made.refresh_from_db()
        moved = (before, after) in ALLOWED
        assert (made.state, made.state_at) == ((after, later) if moved else (before, NOON))
        assert StagedEntry.objects.count() == staged + moved

    def test_to_active_needs_a_verified_holder(self) -> None:
        made = make.moved(make.opt_out(make.holder(is_verified=False)), "verified")

        with pytest.raises(HolderNotVerified):
            make.moved(made, "active")

    @pytest.mark.parametrize("to", ["verified", "active", "contested"])
    def test_lets_a_holder_only_withdraw_even_one_who_is_staff(self, to: str) -> None:
        of = make.holder(make.staff("administrator"))
        made = make.opt_out(of)

        with pytest.raises(SelfVerification):
            make.moved(made, to, by=of.account)

        assert make.moved(made, "withdrawn", by=of.account).state == "withdrawn"

    def test_of_another_holder_looks_like_not_there(self) -> None:
        made, other = make.opt_out(), make.holder()

        with pytest.raises(OptOutNotFound):
            make.moved(made, "withdrawn", by=other.account)
        with pytest.raises(OptOutNotFound):
            opt_outs.move(opt_out_id=uuid4(), to="withdrawn", by=other.account, reason="", at=NOON)

    def test_to_active_owes_the_check_of_everybody_in_open_uses(self) -> None:
        cameo = consent.open_cameo()
        consent.requested(accounts.account(), cameo)
        OutboxMessage.objects.all().delete()

        make.active()

        (message,) = OutboxMessage.objects.filter(topic=epochs.TOPIC)
        assert message.payload == {"cameo_ids": [str(cameo.id)]}

    def test_to_active_cancels_an_open_use_that_it_covers(self) -> None:
        from ledger.consent import rechecks

        use = consent.requested(
            accounts.account(), consent.open_cameo(), texts=["a walk with Zorblax"]
        )

        make.active()

        assert rechecks.recheck(use_id=use.id, at=NOON)
        assert consent.state_of(use) == "cancelled"


def test_a_declaration_keeps_its_date() -> None:
    assert make.holder().authority_declared_on == date(2026, 1, 5)
