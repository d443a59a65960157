from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import explanations, gates, holds, relations, uses
from ledger.consent.errors import UseEnded, UseHeld, UseNotFound, UseNotReleased, UseWithdrawn
from ledger.consent.models import (
    Approval,
    Decision,
    Grant,
    Reservation,
    Revocation,
    Use,
    UseCast,
)
from ledger.db import StepOutsideTransaction, use_case
from ledger.log.models import Record
from tests.factories import accounts, cameos, consent
from tests.factories.consent import MINUTE, NOON, codes

pytestmark = pytest.mark.django_db


@use_case
def _hold(**on: object) -> None:
    holds.place(ground="legal-hold", case_id=None, at=NOON, **on)  # type: ignore[arg-type]  # By name.


class TestRequest:
    def test_permits_what_everyone_may_and_records_what_it_rests_on(self) -> None:
        cameo, requester = consent.open_cameo(epoch=4), accounts.account()

        decided = consent.ask(requester, cameo)

        use = Use.objects.get(id=decided.use_id)
        assert (decided.is_permitted, use.state) == (True, "requested")
        cast = UseCast.objects.get(use=use)
        assert (cast.epoch, cast.terms_id, cast.grant_id) == (4, cameo.terms_id, None)
        assert Reservation.objects.get(use=use).state == "held"
        assert decided.entry_id == consent.row_of(decided).log_entry_id

    def test_denies_and_keeps_the_denial(self) -> None:
        cameo, requester = cameos.cameo(), accounts.account()

        decided = consent.ask(requester, cameo)

        assert codes(decided) == ["audience-self"]
        assert consent.state_of(decided.use_id) == "denied"
        assert not Reservation.objects.exists()

    def test_decides_under_the_requesters_standing_of_now(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        stale = Account.objects.get(id=requester.id)
        relations.suspend(account_id=requester.id, by=cameo.owner, reason="x", at=NOON)

        decided = consent.ask(stale, cameo)

        assert codes(decided) == ["requester-suspended"]

    def test_denies_an_empty_cast(self) -> None:
        decided = consent.ask(accounts.account())

        assert codes(decided) == ["cast-empty"]

    def test_denies_a_cast_with_an_unknown_cameo(self) -> None:
        cameo = consent.open_cameo()
        unknown = Cameo(id=uuid4())

        decided = consent.ask(accounts.account(), cameo, unknown)

        assert codes(decided) == ["cameo-unknown"]

    def test_counts_a_cameo_that_is_named_twice_once(self) -> None:
        cameo = consent.open_cameo()

        decided = consent.ask(accounts.account(), cameo, cameo)

        assert decided.is_permitted
        assert UseCast.objects.filter(use_id=decided.use_id).count() == 1

    def test_refuses_a_parent_that_is_not_there(self) -> None:
        with pytest.raises(UseNotFound):
            consent.ask(accounts.account(), consent.open_cameo(), parent_id=uuid4())

    def test_keeps_reasons_where_the_requester_cannot_read_them(self) -> None:
        requester = accounts.account()

        decided = consent.ask(requester, cameos.cameo(), texts=["a secret plan"])

        about_requester = Record.objects.filter(subject_id=requester.id)
        assert not about_requester.filter(row_ids__contains=[decided.decision_id]).exists()
        assert decided.entry_id is not None
        assert Record.objects.get(entry_id=decided.entry_id).subject_id is None
        assert "secret" not in str(consent.row_of(decided).facts)

    def test_tells_observers_that_it_was_a_denial_and_not_why(self) -> None:
        consent.ask(accounts.account(), cameos.cameo())

        assert [change.code for change in consent.told] == ["consent-denied"]

    @pytest.mark.parametrize("broken", ["fails", "breaks_its_statement"])
    def test_denies_when_prohibitions_cannot_be_had(self, settings: Settings, broken: str) -> None:
        settings.CONSENT_PROHIBITION_SOURCES = [f"tests.factories.consent.{broken}"]

        decided = consent.ask(accounts.account(), consent.open_cameo())

        assert codes(decided) == ["unavailable"]

    def test_denies_when_licences_cannot_be_had(self, settings: Settings) -> None:
        settings.CONSENT_LICENCE_SOURCE = "tests.factories.consent.fails"

        decided = consent.ask(accounts.account(), consent.open_cameo())

        assert codes(decided) == ["unavailable"]

    def test_asks_a_bounded_number_of_statements_whatever_the_cast(self) -> None:
        requester = accounts.account()
        few, many = [consent.open_cameo()], [consent.open_cameo() for _ in range(6)]
        consent.ask(requester, *few)  # Imports, keys and content types come once.

        with CaptureQueriesContext(connection) as for_few:
            consent.ask(requester, *few)
        with CaptureQueriesContext(connection) as for_many:
            consent.ask(requester, *many)

        reads = [_reads(queries) for queries in (for_few, for_many)]
        assert reads[0] == reads[1]


def _reads(queries: CaptureQueriesContext) -> int:
    return sum(query["sql"].lstrip().startswith(("SELECT", "WITH")) for query in queries)


@pytest.mark.django_db(transaction=True)
def test_a_gate_refuses_to_run_outside_a_transaction() -> None:
    with pytest.raises(StepOutsideTransaction):
        gates.dispatch(use_id=uuid4(), at=NOON)


class TestCounting:
    def test_refuses_the_use_after_the_last_one_of_a_grant(self) -> None:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        consent.grant(cameo, requester, renders_max=1)
        consent.requested(requester, cameo)

        decided = consent.ask(requester, cameo)

        assert codes(decided) == ["grant-used-up"]

    def test_gives_a_use_back_that_ended_without_a_release(self) -> None:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        consent.grant(cameo, requester, renders_max=1)
        consent.end(consent.requested(requester, cameo).id)

        decided = consent.ask(requester, cameo)

        assert decided.is_permitted

    def test_keeps_a_use_that_was_released_even_when_it_is_withdrawn(self) -> None:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        consent.grant(cameo, requester, renders_max=1)
        use = consent.released(requester, cameo)
        uses.withdraw(use_id=use.id, by=requester, reason="", at=NOON)

        decided = consent.ask(requester, cameo)

        assert Reservation.objects.get(use=use).state == "kept"
        assert codes(decided) == ["grant-used-up"]

    def test_counts_a_day_back_from_now(self) -> None:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        consent.grant(cameo, requester, renders_per_day_max=1)
        consent.released(requester, cameo)

        same_day = consent.ask(requester, cameo, at=NOON + 23 * 60 * MINUTE)
        next_day = consent.ask(requester, cameo, at=NOON + 24 * 60 * MINUTE)

        assert codes(same_day) == ["grant-used-up-today"]
        assert next_day.is_permitted

    def test_counts_everybodys_uses_against_the_cap_of_the_terms(self) -> None:
        cameo = consent.open_cameo(terms={"renders_max": 1})
        consent.requested(accounts.account(), cameo)

        decided = consent.ask(accounts.account(), cameo)

        assert codes(decided) == ["terms-cap-reached"]

    def test_leaves_the_owners_own_uses_uncounted(self) -> None:
        cameo = cameos.cameo(terms={"renders_max": 1})
        consent.requested(cameo.owner, cameo)

        decided = consent.ask(cameo.owner, cameo)

        assert decided.is_permitted

    def test_moves_the_reservation_when_another_grant_takes_over(self) -> None:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        first = consent.grant(cameo, requester)
        second = consent.grant(cameo, requester, at=NOON + MINUTE, renders_max=1)
        asked = [consent.requested(requester, cameo, at=NOON + MINUTE) for _ in range(2)]
        # The first grant goes; both uses would fall to the last use of the second.
        _revoke_without_cancelling(first.id)

        decided = [consent.dispatch(use.id, at=NOON + 2 * MINUTE) for use in asked]

        assert [each.is_permitted for each in decided] == [True, False]
        assert codes(decided[1]) == ["grant-used-up"]
        assert Reservation.objects.get(use=asked[0]).grant_id == second.id


def _revoke_without_cancelling(grant_id: UUID) -> None:
    """Revoke as `grants.revoke` would, as if its cancelling of what runs were still to come."""
    grant = Grant.objects.get(id=grant_id)
    Revocation.objects.create(
        grant=grant, revoked_by=grant.grantor, act="stop", effective_at=NOON + MINUTE
    )


class TestRelease:
    def test_releases_and_keeps_what_was_reserved(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())

        assert use.state == "released"
        assert Reservation.objects.get(use=use).state == "kept"
        assert not consent.told

    def test_does_nothing_the_second_time(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())
        before = Decision.objects.count()

        again = consent.release(use.id)

        assert (again.is_permitted, again.decision_id) == (True, None)
        assert Decision.objects.count() == before

    def test_tells_of_an_end_that_came_before(self) -> None:
        use = consent.dispatched(accounts.account(), consent.open_cameo())
        consent.end(use.id)

        decided = consent.release(use.id)

        assert codes(decided) == ["use-failed"]
        assert consent.state_of(use) == "failed"

    def test_refuses_a_use_that_no_gate_dispatched(self) -> None:
        use = consent.requested(accounts.account(), consent.open_cameo())

        with pytest.raises(UseEnded):
            consent.release(use.id)

    def test_refuses_an_unknown_use(self) -> None:
        with pytest.raises(UseNotFound):
            consent.release(uuid4())

    def test_waits_unreleased_for_the_owner_who_asked_to_approve_drafts(self) -> None:
        cameo = consent.open_cameo(terms={"draft_approval": True})
        use = consent.dispatched(accounts.account(), cameo)

        decided = consent.release(use.id)

        assert decided.is_permitted
        assert decided.awaiting_approval == (cameo.id,)
        use.refresh_from_db()
        assert (use.state, use.approval_asked_at) == ("dispatched", NOON)

    @pytest.mark.parametrize(
        ("answer", "state"), [(True, "released"), (False, "denied")], ids=["yes", "no"]
    )
    def test_follows_the_owners_answer(self, answer: bool, state: str) -> None:
        cameo = consent.open_cameo(terms={"draft_approval": True})
        use = consent.dispatched(accounts.account(), cameo)
        consent.release(use.id)
        Approval.objects.create(
            use=use, cameo=cameo, approver=cameo.owner, is_approved=answer, created_at=NOON
        )

        consent.release(use.id)

        assert consent.state_of(use) == state

    def test_denies_without_a_licence_for_what_has_a_fee(self) -> None:
        cameo = consent.open_cameo(
            terms={
                "purposes": ["personal", "commercial"],
                "fees": {"commercial": {"amount_minor": 700, "currency": "eur"}},
            }
        )
        asked = consent.ask(accounts.account(), cameo, purpose="commercial")

        decided = consent.dispatch(asked.use_id)

        (fee,) = asked.fees_due
        assert (fee.cameo_id, fee.payee_id) == (cameo.id, cameo.owner_id)
        assert (fee.amount_minor, fee.currency) == (700, "eur")
        assert codes(decided) == ["licence-missing"]

    def test_can_be_dispatched_again_for_a_new_attempt(self) -> None:
        use = consent.dispatched(accounts.account(), consent.open_cameo())

        again = consent.dispatch(use.id)

        assert again.is_permitted
        assert consent.release(use.id).is_permitted


class TestShow:
    def test_lets_what_is_released_pass(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())

        gates.show(use_id=use.id)

    def test_refuses_a_draft(self) -> None:
        use = consent.dispatched(accounts.account(), consent.open_cameo())

        with pytest.raises(UseNotReleased):
            gates.show(use_id=use.id)

    def test_refuses_what_was_withdrawn(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())
        uses.withdraw(use_id=use.id, by=use.requester, reason="", at=NOON)

        with pytest.raises(UseWithdrawn) as refused:
            gates.show(use_id=use.id)

        assert refused.value.http_status == 451

    @pytest.mark.parametrize("on", ["use", "cameo"])
    def test_refuses_what_is_held(self, on: str) -> None:
        cameo = consent.open_cameo()
        use = consent.released(accounts.account(), cameo)
        _hold(**({"use_id": use.id} if on == "use" else {"cameo_id": cameo.id}))

        with pytest.raises(UseHeld):
            gates.show(use_id=use.id)

    def test_refuses_an_unknown_use(self) -> None:
        with pytest.raises(UseNotFound):
            gates.show(use_id=uuid4())


class TestEnd:
    def test_gives_back_what_was_reserved_and_tells(self) -> None:
        use = consent.requested(accounts.account(), consent.open_cameo())

        assert consent.end(use.id, state="cancelled")

        assert Reservation.objects.get(use=use).state == "returned"
        assert [(change.state, change.code) for change in consent.told] == [("cancelled", "test")]

    def test_leaves_an_end_as_it_is(self) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())

        assert not consent.end(use.id)

        assert consent.state_of(use) == "released"

    def test_refuses_an_unknown_use(self) -> None:
        with pytest.raises(UseNotFound):
            consent.end(uuid4())


class TestLineage:
    def test_decides_each_kept_cameo_again_for_the_one_who_remixes(self) -> None:
        kept = cameos.cameo(audience="approved")
        first, second = accounts.account(), accounts.account()
        consent.grant(kept, first, remix_allowed=True)
        parent = consent.released(first, kept)

        decided = consent.ask(second, kept, parent_id=parent.id)

        assert codes(decided) == ["no-grant-in-force"]

    def test_needs_the_grants_leave_to_remix(self) -> None:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        consent.grant(cameo, requester)
        parent = consent.released(requester, cameo)

        decided = consent.ask(requester, cameo, parent_id=parent.id)

        assert codes(decided) == ["grant-excludes-remix"]

    def test_denies_a_remix_of_what_was_not_released(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        parent = consent.dispatched(requester, cameo)

        decided = consent.ask(requester, cameo, parent_id=parent.id)

        assert codes(decided) == ["ancestor-dispatched"]

    def test_denies_when_a_grandparent_was_withdrawn(self) -> None:
        cameo, other = consent.open_cameo(), consent.open_cameo()
        requester = accounts.account()
        grandparent = consent.released(requester, cameo)
        parent = consent.released(requester, other, parent_id=grandparent.id)
        uses.withdraw(use_id=grandparent.id, by=cameo.owner, reason="", at=NOON)

        decided = consent.ask(requester, other, parent_id=parent.id)

        assert consent.state_of(parent) == "released"  # It does not contain the likeness.
        assert codes(decided) == ["ancestor-withdrawn"]

    def test_denies_below_the_sixteenth_ancestor(self) -> None:
        cameo = cameos.cameo()
        use = consent.released(cameo.owner, cameo)
        for _ in range(16):
            decided = consent.ask(cameo.owner, cameo, parent_id=use.id)
            assert decided.is_permitted, decided.findings
            consent.dispatch(decided.use_id)
            consent.release(decided.use_id)
            use = Use.objects.get(id=decided.use_id)

        decided = consent.ask(cameo.owner, cameo, parent_id=use.id)

        assert codes(decided) == ["ancestor-too-deep"]

    def test_denies_when_an_ancestor_is_held(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        parent = consent.released(requester, cameo)
        _hold(use_id=parent.id)

        decided = consent.ask(requester, cameo, parent_id=parent.id)

        assert codes(decided) == ["ancestor-hold-legal-hold"]


class TestReplay:
    def test_comes_to_the_same_at_every_gate_and_for_denials(self) -> None:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        consent.grant(cameo, requester, ends_at=NOON + MINUTE)
        use = consent.dispatched(requester, cameo, texts=["Ada on a beach"])
        consent.release(use.id, at=NOON + MINUTE)

        rows = list(Decision.objects.select_related("use").order_by("decided_at", "gate"))

        assert [row.effect for row in rows] == ["permit", "permit", "deny"]
        assert all(explanations.is_replayed_alike(row) for row in rows)

    def test_sees_the_words_that_a_topic_forbade(self) -> None:
        cameo = consent.open_cameo(terms={"forbidden_topics": ["war"]})

        decided = consent.ask(accounts.account(), cameo, texts=["A WAR film"])

        row = consent.row_of(decided)
        assert codes(decided) == ["terms-forbid-topic"]
        assert explanations.is_replayed_alike(row)
