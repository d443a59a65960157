"""Licences as rows: quoted, moved along their table, each change logged."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from pytest_django import DjangoAssertNumQueries

from ledger.consent.observers import UseChange
from ledger.log import actions as log
from ledger.log.models import Record
from ledger.outbox.models import OutboxMessage
from rights.licences import actions as licences
from rights.licences import queries, states
from rights.licences.errors import (
    LicenceExists,
    LicenceNotFound,
    NotAuthorised,
    NotInThatState,
    PayeeNotReady,
    QuoteExpired,
)
from rights.licences.models import Licence, LicenceLine
from tests.factories import accounts, settlement
from tests.factories.settlement import NOON

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def hold(licence: Licence, *, until: datetime = NOON + 7 * DAY) -> Licence:
    """Move a quoted licence to authorised, as settlement does."""
    licences.begin_authorisation(licence, at=NOON)
    licences.authorised(
        licence, payment_intent=f"pi_{licence.id}", charge="ch_1", capture_before=until, at=NOON
    )
    return licence


def topics() -> list[str]:
    return list(OutboxMessage.objects.order_by("created_at").values_list("topic", flat=True))


def change(licence: Licence, state: str, *, at: datetime = NOON + HOUR) -> None:
    licences.use_changed(UseChange(licence.use_id, state, "a-reason", at))
    licence.refresh_from_db()


class TestQuote:
    def test_names_each_payees_line_and_is_logged(self) -> None:
        licence = settlement.quoted(at=NOON)

        assert licence.state == states.QUOTED
        assert licence.quote_expires_at == NOON + HOUR
        assert [line.amount_minor for line in queries.lines(licence.id)] == [1_000]
        assert settlement.logged() == ["licence.quoted"]

    def test_is_refused_when_a_payee_cannot_be_paid(self) -> None:
        ready, pending = settlement.payee(), settlement.payee(state="pending")
        fees = [settlement.fee(ready.account), settlement.fee(pending.account)]

        with pytest.raises(PayeeNotReady):
            settlement.quoted(fees, at=NOON)

        assert Licence.objects.count() == 0

    def test_is_refused_to_a_use_that_has_one(self) -> None:
        licence = settlement.quoted(at=NOON)

        with pytest.raises(LicenceExists):
            licences.quote(
                use_id=licence.use_id,
                buyer=licence.buyer,
                purpose="commercial",
                lines=[settlement.fee(settlement.payee().account)],
                at=NOON,
            )

    def test_may_follow_one_that_ran_out(self) -> None:
        licence = settlement.quoted(at=NOON)
        licences.expired(licence, at=NOON + HOUR)

        licences.quote(
            use_id=licence.use_id,
            buyer=licence.buyer,
            purpose="commercial",
            lines=[settlement.fee(settlement.payee().account)],
            at=NOON + HOUR,
        )

        newest = queries.of_use(licence.use_id)
        assert newest is not None
        assert newest.state == states.QUOTED


class TestAuthorisation:
    def test_covers_the_cameos_once_the_bank_agreed(self) -> None:
        licence = settlement.quoted(at=NOON)
        before = queries.covering(licence.use_id)

        hold(licence)

        assert before == frozenset()
        assert queries.covering(licence.use_id) == {
            line.cameo_id for line in queries.lines(licence.id)
        }
        assert topics() == ["licence.authorised"]

    def test_is_refused_once_the_quote_ran_out(self) -> None:
        licence = settlement.quoted(at=NOON)

        with pytest.raises(QuoteExpired):
            licences.begin_authorisation(licence, at=NOON + HOUR)

    def test_is_refused_twice(self) -> None:
        licence = hold(settlement.quoted(at=NOON))

        with pytest.raises(NotInThatState):
            licences.begin_authorisation(licence, at=NOON)

    def test_stands_again_after_a_decline(self) -> None:
        licence = settlement.quoted(at=NOON)
        licences.begin_authorisation(licence, at=NOON)

        licences.declined(licence, code="card-declined", at=NOON)

        assert hold(licence).state == states.AUTHORISED

    def test_that_comes_after_the_uses_end_is_let_go(self) -> None:
        licence = settlement.quoted(at=NOON)
        licences.begin_authorisation(licence, at=NOON)
        change(licence, "cancelled")

        licences.authorised(
            licence, payment_intent="pi_late", charge="ch_1", capture_before=NOON + DAY, at=NOON
        )

        licence.refresh_from_db()
        assert (licence.state, licence.payment_intent) == (states.VOID_INTENDED, "pi_late")
        assert topics() == ["licence.void"]


class TestIntendCapture:
    def test_decides_it_once(self) -> None:
        licence = hold(settlement.quoted(at=NOON))

        licences.intend_capture(use_id=licence.use_id, at=NOON + HOUR)
        licences.intend_capture(use_id=licence.use_id, at=NOON + HOUR)

        licence.refresh_from_db()
        assert licence.state == states.CAPTURE_INTENDED
        assert topics() == ["licence.authorised", "licence.capture"]

    def test_costs_a_use_without_a_licence_nothing(self) -> None:
        licences.intend_capture(use_id=settlement.use().id, at=NOON)

        assert topics() == []

    def test_is_refused_before_the_bank_agreed(self) -> None:
        licence = settlement.quoted(at=NOON)

        with pytest.raises(NotAuthorised):
            licences.intend_capture(use_id=licence.use_id, at=NOON)

    def test_is_refused_once_the_authorisation_lapsed(self) -> None:
        licence = hold(settlement.quoted(at=NOON), until=NOON + HOUR)

        with pytest.raises(NotAuthorised):
            licences.intend_capture(use_id=licence.use_id, at=NOON + HOUR)

    def test_is_refused_after_the_money_was_let_go(self) -> None:
        licence = hold(settlement.quoted(at=NOON))
        change(licence, "denied")

        with pytest.raises(NotAuthorised):
            licences.intend_capture(use_id=licence.use_id, at=NOON)


class TestUseChanged:
    @pytest.mark.parametrize("state", ["denied", "cancelled", "failed"])
    def test_expires_a_quote(self, state: str) -> None:
        licence = settlement.quoted(at=NOON)

        change(licence, state)

        assert (licence.state, topics()) == (states.EXPIRED, [])

    @pytest.mark.parametrize("state", ["denied", "cancelled", "failed"])
    def test_lets_go_of_what_is_held(self, state: str) -> None:
        licence = hold(settlement.quoted(at=NOON))

        change(licence, state)

        assert licence.state == states.VOID_INTENDED
        assert topics() == ["licence.authorised", "licence.void"]

    def test_gives_back_what_was_taken_within_the_window(self) -> None:
        licence = hold(settlement.quoted(at=NOON))
        licences.intend_capture(use_id=licence.use_id, at=NOON)
        licence.refresh_from_db()
        licences.captured(licence, charge="ch_1", at=NOON)

        change(licence, "withdrawn", at=NOON + 14 * DAY - HOUR)

        assert licence.state == states.REFUND_INTENDED
        assert topics()[-1] == "licence.refund"

    def test_keeps_what_was_taken_after_the_window(self) -> None:
        licence = hold(settlement.quoted(at=NOON))
        licences.intend_capture(use_id=licence.use_id, at=NOON)
        licence.refresh_from_db()
        licences.captured(licence, charge="ch_1", at=NOON)

        change(licence, "withdrawn", at=NOON + 14 * DAY)

        assert licence.state == states.CAPTURED

    def test_changes_nothing_for_a_use_without_a_licence(self) -> None:
        licences.use_changed(UseChange(settlement.use().id, "denied", "a-reason", NOON))

        assert OutboxMessage.objects.count() == 0

    def test_logs_each_change_under_the_buyers_key(self) -> None:
        licence = hold(settlement.quoted(at=NOON))
        change(licence, "denied")

        assert settlement.logged() == [
            "licence.quoted",
            "licence.authorising",
            "licence.authorised",
            "licence.void-intended",
        ]
        assert set(Record.objects.values_list("subject_id", flat=True)) == {licence.buyer_id}

    def test_is_still_logged_once_the_buyer_is_erased(self) -> None:
        licence = hold(settlement.quoted(at=NOON))
        log.erase(subject_id=licence.buyer_id, at=NOON)

        change(licence, "denied")

        assert settlement.logged()[-1] == "licence.void-intended"


class TestDatabase:
    def test_refuses_a_step_that_is_not_in_the_table(self) -> None:
        licence = settlement.quoted(at=NOON)

        with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
            Licence.objects.filter(id=licence.id).update(state="captured")

    @pytest.mark.parametrize(
        ("name", "value"), [("amount_minor", 1), ("fee_bps", 0), ("currency", "eur")]
    )
    def test_refuses_another_price(self, name: str, value: object) -> None:
        licence = settlement.quoted(at=NOON)

        with pytest.raises(DatabaseError), transaction.atomic():
            Licence.objects.filter(id=licence.id).update(**{name: value})

    def test_refuses_to_delete_a_licence(self) -> None:
        licence = settlement.quoted(at=NOON)

        with pytest.raises(DatabaseError), transaction.atomic():
            Licence.objects.filter(id=licence.id)._raw_delete("default")

    def test_refuses_to_change_a_line(self) -> None:
        settlement.quoted(at=NOON)

        with pytest.raises(DatabaseError), transaction.atomic():
            LicenceLine.objects.update(amount_minor=1)

    def test_refuses_a_fee_beyond_its_line(self) -> None:
        line = LicenceLine.objects.get(licence=settlement.quoted(at=NOON))

        with pytest.raises(DatabaseError, match="line_fee_is_within"), transaction.atomic():
            LicenceLine.objects.create(
                licence=line.licence,
                cameo_id=settlement.fee(accounts.account()).cameo_id,
                payee=line.payee,
                amount_minor=10,
                fee_minor=11,
            )


class TestQueries:
    def test_covering_asks_once(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        licence = hold(settlement.quoted(at=NOON))

        with django_assert_num_queries(1):
            queries.covering(licence.use_id)

    def test_of_buyer_hides_what_is_somebody_elses(self) -> None:
        licence = settlement.quoted(at=NOON)

        with pytest.raises(LicenceNotFound):
            queries.of_buyer(licence_id=licence.id, buyer_id=accounts.account().id)

    def test_lock_refuses_an_unknown_licence(self) -> None:
        with pytest.raises(LicenceNotFound):
            licences.lock(licence_id=uuid.uuid4())
