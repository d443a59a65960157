"""Notices, holds and decisions, and what they do to the render."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core import mail
from django.db import IntegrityError, connection
from django.db.utils import InternalError

from ledger.accounts.models import Account
from ledger.consent import gates
from ledger.consent.errors import UseHeld, UseWithdrawn
from ledger.consent.models import Hold, Use
from ledger.db import use_case
from ledger.log import actions as log
from ledger.log.models import StagedEntry
from ledger.notifications.models import Notification
from ledger.outbox.models import OutboxMessage
from rights.takedowns import actions as takedowns
from rights.takedowns import queries, tasks
from rights.takedowns.errors import (
    CaseDecided,
    CaseNotFound,
    ConfirmationWrong,
    EstateHasNoStanding,
    NothingToCure,
    OwnCase,
    TargetNotFound,
)
from rights.takedowns.models import StatementOfReasons, StayDown, TakedownCase
from rights.takedowns.rules import TRANSITIONS
from tests.factories import accounts, consent
from tests.factories import rights as make

pytestmark = pytest.mark.django_db
NOON = make.NOON


@pytest.fixture
def ada() -> Account:
    return accounts.account()


@pytest.fixture
def use(ada: Account) -> Use:
    return consent.released(accounts.account(), consent.open_cameo(ada))


def _mail(case: TakedownCase, kind: str = "received") -> dict[str, Any]:
    """Carry the mail that is owed, as its task does. Returns what the task was given."""
    message = OutboxMessage.objects.get(
        topic="takedown.mail", payload__case_id=str(case.id), payload__kind=kind
    )
    tasks.mail(message_id=str(message.id), **message.payload)
    message.refresh_from_db()
    assert message.done_at is not None, message.last_error
    return dict(message.payload)


def _hold(case: TakedownCase, by: Account | None = None) -> TakedownCase:
    return takedowns.hold(case_id=case.id, by=by or accounts.account(), at=NOON)


def _uphold(case: TakedownCase, by: Account | None = None) -> StatementOfReasons:
    by = by or accounts.account()
    return takedowns.uphold(case_id=case.id, by=by, facts="It is her.", at=NOON)


def _reject(case: TakedownCase, by: Account | None = None) -> StatementOfReasons:
    by = by or accounts.account()
    return takedowns.reject(case_id=case.id, by=by, facts="It is not.", at=NOON)


class TestSubmit:
    @pytest.mark.parametrize("regime", ["intimate_image", "child_safety"])
    def test_holds_at_once_where_the_regime_says_so(self, use: Use, regime: str) -> None:
        case = make.case(use, regime=regime, notice={}).case

        assert (case.state, case.hold_due_at) == ("held", NOON)
        with pytest.raises(UseHeld):
            gates.show(use_id=use.id)

    @pytest.mark.parametrize("regime", ["copyright", "likeness", "dsa_notice", "court_order"])
    def test_leaves_the_render_to_a_person_elsewhere(self, use: Use, regime: str) -> None:
        case = make.case(use, regime=regime).case

        gates.show(use_id=use.id)
        assert (case.state, case.missing) == ("received", [])

    def test_asks_for_what_is_missing(self, use: Use) -> None:
        case = make.case(use, notice={**make.NOTICE, "no_consent": False}).case

        assert (case.state, case.missing) == ("cure_asked", ["no_consent"])

    def test_keeps_the_whole_notice_encrypted(self, use: Use) -> None:
        words = {**make.NOTICE, "statement": "Pineapple is my word"}
        case = make.case(use, notice=words, target=f"see Pineapple {use.id}").case

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT t::text FROM rights_takedowncase t UNION ALL"
                " SELECT o::text FROM ledger_outboxmessage o UNION ALL"
                " SELECT encode(data, 'escape') FROM ledger_stagedentry"
            )
            stored = " ".join(row[0] for row in cursor.fetchall())
        for word in ("Pineapple", "Noor", "noor@example.com"):
            assert word not in stored
            assert word.encode().hex() not in stored
        assert takedowns.notice_of(case)["statement"] == "Pineapple is my word"

    def test_names_nobody_in_the_public_log(self, use: Use) -> None:
        before = {row.pk for row in StagedEntry.objects.all()}
        make.case(use, regime="intimate_image")

        rows = StagedEntry.objects.exclude(pk__in=before)
        public = [json.loads(bytes(row.data)) for row in rows]
        known = {"v", "type", "at", "id", "commitment", "regime", "ground"}
        assert {each["type"] for each in public} == {"hold.placed", "takedown.received"}
        assert all(each.keys() <= known for each in public)

    def test_finds_the_render_among_other_ids(self, use: Use) -> None:
        target = f"https://example.com/u/{uuid4()}/renders/{str(use.id).upper()}#t=3"

        assert make.case(use, target=target).case.use_id == use.id

    @pytest.mark.parametrize("target", ["", "my video", str(UUID(int=1)), "1234-5678"])
    def test_is_refused_without_a_render(self, use: Use, target: str) -> None:
        with pytest.raises(TargetNotFound):
            make.case(use, target=target)

        assert not TakedownCase.objects.exists()

    def test_for_an_estate_needs_the_signed_in_claimant_of_a_verified_one(self, use: Use) -> None:
        estate, waiting = make.estate(), make.claim()

        for by, estate_id in [
            (None, estate.id),
            (accounts.account(), estate.id),
            (estate.claimant, None),
            (waiting.claimant, waiting.id),
        ]:
            with pytest.raises(EstateHasNoStanding):
                make.case(use, regime="estate", by=by, estate_id=estate_id)

        case = make.case(use, regime="estate", by=estate.claimant, estate_id=estate.id).case
        assert (case.estate, case.state) == (estate, "received")


class TestCure:
    def test_adds_what_was_missing_and_replaces_nothing(self, use: Use) -> None:
        submitted = make.case(use, notice={**make.NOTICE, "no_consent": False})
        given = {"no_consent": True, "statement": "Another story", "regime": "copyright"}

        case = takedowns.cure(
            case_id=submitted.case.id, secret=submitted.secret, given=given, at=NOON
        )

        assert (case.state, case.missing) == ("received", [])
        notice = takedowns.notice_of(case)
        assert (notice["no_consent"], notice["statement"]) == (True, make.NOTICE["statement"])

    def test_leaves_a_held_case_held(self, use: Use) -> None:
        submitted = make.case(use, regime="intimate_image", notice={})
        given = {"signature": "Noor", "good_faith": True}

        case = takedowns.cure(
            case_id=submitted.case.id, secret=submitted.secret, given=given, at=NOON
        )

        assert (case.state, case.missing) == ("held", ["contact_email"])

    def test_is_refused_with_another_secret_or_with_nothing_new(self, use: Use) -> None:
        submitted = make.case(use)

        with pytest.raises(CaseNotFound):
            takedowns.cure(case_id=submitted.case.id, secret="x", given={}, at=NOON)
        with pytest.raises(NothingToCure):
            takedowns.cure(
                case_id=submitted.case.id, secret=submitted.secret, given=make.NOTICE, at=NOON
            )


@pytest.mark.django_db(transaction=True)
class TestConfirm:
    def test_takes_the_token_of_the_mail_and_no_other(self, use: Use) -> None:
        case = make.case(use).case
        token = takedowns.token_of(case.id, _mail(case)["token"])
        body = str(mail.outbox[0].body)

        assert token in body
        for case_id, wrong in ((case.id, "guess"), (uuid4(), token), (case.id, "")):
            with pytest.raises(ConfirmationWrong):
                takedowns.confirm(case_id=case_id, token=wrong, at=NOON)
        takedowns.confirm(case_id=case.id, token=token, at=NOON)
        takedowns.confirm(case_id=case.id, token=token, at=NOON + consent.MINUTE)

        case.refresh_from_db()
        assert case.confirmed_at == NOON


WAYS: dict[str, tuple[Any, ...]] = {
    "received": (), "held": (_hold,), "upheld": (_uphold,), "rejected": (_reject,),
}  # fmt: skip
ACTS = {"held": _hold, "upheld": _uphold, "rejected": _reject}


class TestTransitions:
    @pytest.mark.parametrize(("before", "after"), sorted(product(WAYS, ACTS)))
    def test_go_only_the_ways_there_are(self, use: Use, before: str, after: str) -> None:
        case = make.case(use).case
        for act in WAYS[before]:
            act(case)
        staged = StagedEntry.objects.count()

        if after in TRANSITIONS[before]:
            ACTS[after](case)
            expected = after
        elif before == after == "held":
            assert _hold(case).state == "held"  # Safe to repeat.
            expected = before
        else:
            with pytest.raises(CaseDecided):
                ACTS[after](case)
            expected = before

        case.refresh_from_db()
        assert case.state == expected
        assert (StagedEntry.objects.count() > staged) is (expected != before)

    @pytest.mark.parametrize("act", ACTS.values())
    def test_may_start_from_an_incomplete_notice(self, use: Use, act: Any) -> None:
        case = make.case(use, notice={}).case

        act(case)

        case.refresh_from_db()
        assert case.state != "cure_asked"

    @pytest.mark.parametrize("act", ACTS.values())
    def test_are_refused_to_whoever_is_concerned(self, ada: Account, use: Use, act: Any) -> None:
        estate = make.estate()
        case = make.case(use, regime="estate", by=estate.claimant, estate_id=estate.id).case

        for by in (ada, use.requester, estate.claimant):
            with pytest.raises(OwnCase):
                act(case, by)
        with pytest.raises(CaseNotFound):
            act(TakedownCase(id=uuid4()))


class TestHold:
    def test_stops_delivery_and_remixes_and_lifting_restores_both(
        self, ada: Account, use: Use
    ) -> None:
        cameo = use.cast.get().cameo
        case = make.case(use).case
        _hold(case)

        with pytest.raises(UseHeld):
            gates.show(use_id=use.id)
        refused = consent.ask(ada, cameo, parent_id=use.id)
        assert "ancestor-hold-takedown" in consent.codes(refused)

        _reject(case)

        gates.show(use_id=use.id)
        assert Hold.objects.get().ends_at == NOON

    def test_of_another_case_stands_when_one_is_rejected(self, use: Use) -> None:
        first, second = make.case(use).case, make.case(use, regime="child_safety").case
        _hold(first)

        _reject(first)

        with pytest.raises(UseHeld):
            gates.show(use_id=use.id)
        _reject(second)
        gates.show(use_id=use.id)

    def test_is_named_by_every_held_case(self, use: Use) -> None:
        case = make.case(use).case

        with pytest.raises(IntegrityError, match="held_case_names_its_hold"):
            TakedownCase.objects.filter(id=case.id).update(state="held")


class TestUphold:
    def test_withdraws_the_render_and_what_still_shows_the_same_person(
        self, ada: Account, use: Use
    ) -> None:
        cameo = use.cast.get().cameo
        child = consent.released(ada, cameo, parent_id=use.id)
        other = consent.released(ada, consent.open_cameo(), parent_id=use.id)

        _uphold(make.case(use).case)

        states = [consent.state_of(each) for each in (use, child, other)]
        assert states == ["withdrawn", "withdrawn", "released"]
        with pytest.raises(UseWithdrawn):
            gates.show(use_id=use.id)

    def test_keeps_down_what_would_be_made_from_it_at_any_distance(
        self, ada: Account, use: Use
    ) -> None:
        other = consent.open_cameo()
        child = consent.released(ada, other, parent_id=use.id)
        _uphold(make.case(use).case)

        for parent in (use, child):
            refused = consent.ask(ada, other, parent_id=parent.id)
            stopped = {each.row_id for each in refused.findings if each.code == "stay-down"}
            assert stopped == {StayDown.objects.get().id}

    def test_stops_whoever_read_the_clock_before_and_decides_after(
        self, ada: Account, use: Use
    ) -> None:
        _uphold(make.case(use).case)

        asked = consent.ask(
            ada, consent.open_cameo(), parent_id=use.id, at=NOON - timedelta(seconds=1)
        )

        assert "stay-down" in consent.codes(asked)

    def test_stops_no_remix_of_anything_else(self, ada: Account, use: Use) -> None:
        cameo = use.cast.get().cameo
        elsewhere = consent.released(ada, cameo)
        _uphold(make.case(use).case)

        asked = consent.ask(ada, cameo, parent_id=elsewhere.id)

        assert asked.is_permitted

    def test_cancels_a_render_that_is_not_released_yet(self, ada: Account) -> None:
        use = consent.dispatched(ada, consent.open_cameo(ada))

        _uphold(make.case(use).case)

        assert consent.state_of(use) == "cancelled"

    def test_of_a_second_case_keeps_the_first_stay_down(self, use: Use) -> None:
        first, second = make.case(use).case, make.case(use).case

        _uphold(first)
        _uphold(second)

        assert StayDown.objects.get().case == first

    def test_gives_everybody_concerned_the_reasons(self, ada: Account, use: Use) -> None:
        case = make.case(use).case

        statement = _uphold(case)

        assert (statement.puid, statement.decision_facts) == (case.reference, "It is her.")
        told = Notification.objects.filter(kind="takedown.upheld")
        assert {row.account_id for row in told} == {ada.id, use.requester_id}
        assert {row.details["facts"] for row in told} == {"It is her."}
        with pytest.raises((InternalError, Exception), match="insert_only"):
            StatementOfReasons.objects.filter(id=statement.id).update(decision_facts="Other")

    def test_is_named_by_who_decided(self, use: Use) -> None:
        case = make.case(use).case

        with pytest.raises(IntegrityError, match="decided_case_names_who_decided"):
            TakedownCase.objects.filter(id=case.id).update(state="upheld")


class TestOpenNotice:
    def test_returns_the_words_and_leaves_an_entry_each_time(self, use: Use) -> None:
        case = make.case(use).case
        before = {row.pk for row in StagedEntry.objects.all()}

        for _ in range(2):
            notice = takedowns.open_notice(case_id=case.id, by=accounts.account(), at=NOON)

        assert notice["contact_email"] == "noor@example.com"
        rows = StagedEntry.objects.exclude(pk__in=before)
        types = [json.loads(bytes(row.data))["type"] for row in rows]
        assert types == ["takedown.notice-opened"] * 2

    def test_is_refused_where_there_is_none(self) -> None:
        with pytest.raises(CaseNotFound):
            takedowns.open_notice(case_id=uuid4(), by=accounts.account(), at=NOON)


@pytest.mark.django_db(transaction=True)
class TestMail:
    def test_tells_what_is_still_missing_and_by_when_it_is_decided(self, use: Use) -> None:
        case = make.case(use, notice={**make.NOTICE, "statement": ""}).case

        _mail(case)

        (sent,) = mail.outbox
        assert sent.to == ["noor@example.com"]
        assert case.reference in sent.subject
        assert "It still lacks: statement" in sent.body
        assert "2026-06-02 12:00 UTC" in sent.body
        assert f"/api/v1/takedowns/{case.id}/cure" in sent.body

    @pytest.mark.parametrize(
        ("act", "words"),
        [(_uphold, "It is her."), (_reject, "It is not.")],
    )
    def test_gives_the_reasons_of_a_decision(self, use: Use, act: Any, words: str) -> None:
        case = make.case(use).case
        statement = act(case)

        _mail(case, statement.case.state)

        assert words in mail.outbox[0].body

    def test_writes_to_nobody_without_an_address_or_after_an_erasure(self, use: Use) -> None:
        _mail(make.case(use, regime="child_safety", notice={}).case)
        erased = make.case(use).case
        use_case(log.erase)(subject_id=erased.id, at=NOON)
        _mail(erased)

        assert mail.outbox == []


class TestCaseFor:
    def test_opens_to_its_own_secret_only(self, use: Use) -> None:
        submitted, other = make.case(use), make.case(use)

        def found(secret: str, case_id: UUID = submitted.case.id) -> TakedownCase:
            return queries.case_for(case_id=case_id, secret=secret)

        assert found(submitted.secret) == submitted.case
        for case_id, secret in (
            (submitted.case.id, ""),
            (submitted.case.id, other.secret),
            (uuid4(), submitted.secret),
        ):
            with pytest.raises(CaseNotFound):
                found(secret, case_id)

    def test_keeps_no_secret(self, use: Use) -> None:
        submitted = make.case(use)

        assert submitted.secret.encode() not in bytes(submitted.case.secret_sha256)
        assert len(bytes(submitted.case.secret_sha256)) == 32
