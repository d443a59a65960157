"""Asking for a render, calling it off, following consent."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from ledger.accounts.models import Block
from ledger.consent.models import Use
from ledger.consent.observers import UseChange
from ledger.log.models import StagedEntry
from ledger.notifications.models import Notification
from ledger.outbox.models import OutboxMessage
from provenance.renders import actions, attempts, rules, transitions
from provenance.renders.errors import (
    CameoNotFound,
    IllegalTransition,
    NotADraft,
    ParentNotFound,
    RenderEnded,
    RenderNotFound,
)
from provenance.renders.models import Render
from provenance.renders.rules import State
from tests.factories import renders as make

pytestmark = pytest.mark.django_db


class TestRequest:
    def test_queues_a_permitted_render_and_owes_its_dispatch(self) -> None:
        ada, ben = make.person(), make.person()

        render = make.requested(ben, make.cameo(ada))

        assert (render.state, render.use.state) == ("queued", "requested")
        message = OutboxMessage.objects.get(topic="render.dispatch")
        assert message.payload == {"use_id": str(render.pk)}

    def test_stages_an_entry_for_each_state(self) -> None:
        make.requested(make.person(), make.cameo(make.person()))

        types = [bytes(entry.data) for entry in StagedEntry.objects.order_by("pk")]
        for wanted in (b'"render.requested"', b'"consent.decided"', b'"render.queued"'):
            assert sum(wanted in data for data in types) == 1

    def test_tells_those_whose_likeness_it_is_and_not_the_requester(self) -> None:
        ada, ben = make.person(), make.person()

        render = make.requested(ben, make.cameo(ada), make.cameo(ben))

        told = Notification.objects.filter(kind="render.requested", about_id=render.pk)
        assert [one.account_id for one in told] == [ada.id]

    def test_keeps_a_denied_one_and_owes_nothing(self) -> None:
        ada, ben = make.person(), make.person()

        render = make.requested(ben, make.cameo(ada, audience="self"))

        assert (render.state, render.use.state) == ("denied", "denied")
        assert not OutboxMessage.objects.filter(topic="render.dispatch").exists()

    def test_waits_for_money_where_a_fee_is_asked(self) -> None:
        ada, ben = make.person(), make.person()
        cameo = make.cameo(
            ada,
            purposes=["personal", "commercial"],
            fees={"commercial": {"amount_minor": 5_000, "currency": "usd"}},
        )
        make.payable(ada)

        render = make.requested(ben, cameo, purpose="commercial")

        assert render.state == "payment_pending"
        assert render.use.licences.get().amount_minor == 5_000
        assert not OutboxMessage.objects.filter(topic="render.dispatch").exists()

    def test_gives_the_first_answer_again(self) -> None:
        ben, cameo, render_id = make.person(), make.cameo(make.person()), uuid.uuid4()
        wish = replace(make.WISH, cast=(cameo.id,))

        first = actions.request(render_id=render_id, requester=ben, wish=wish, at=timezone.now())
        again = actions.request(render_id=render_id, requester=ben, wish=wish, at=timezone.now())

        assert (again.render_id, again.state) == (first.render_id, first.state)
        assert Use.objects.count() == 1

    def test_refuses_a_cameo_that_is_not_there(self) -> None:
        wish = replace(make.WISH, cast=(uuid.uuid4(),))

        with pytest.raises(CameoNotFound):
            actions.request(
                render_id=uuid.uuid4(), requester=make.person(), wish=wish, at=timezone.now()
            )

        assert not Render.objects.exists()

    def test_does_not_tell_of_another_ones_unreleased_render(self) -> None:
        theirs = make.requested(make.person(), make.cameo(make.person()))

        with pytest.raises(ParentNotFound):
            make.requested(make.person(), make.cameo(make.person()), parent_id=theirs.pk)

    def test_denies_a_remix_of_what_was_not_released(self) -> None:
        ben = make.person()
        mine = make.requested(ben, make.cameo(make.person()))

        assert make.requested(ben, parent_id=mine.pk).state == "denied"

    def test_writes_nothing_for_a_wish_that_is_none(self) -> None:
        with pytest.raises(rules.SizeInvalid):
            make.requested(make.person(), make.cameo(make.person()), width_px=63)

        assert not Use.objects.exists()


class TestCancel:
    def test_ends_the_use_and_the_render_together(self) -> None:
        ben = make.person()
        render = make.requested(ben, make.cameo(make.person()))

        actions.cancel(render_id=render.pk, by=ben, at=timezone.now())

        render = Render.objects.select_related("use").get(pk=render.pk)
        assert (render.state, render.use.state) == ("cancelled", "cancelled")
        assert render.failure_code == "requester-cancelled"

    def test_is_safe_to_repeat(self) -> None:
        ben = make.person()
        render = make.requested(ben, make.cameo(make.person()))
        actions.cancel(render_id=render.pk, by=ben, at=timezone.now())
        entries = StagedEntry.objects.count()

        actions.cancel(render_id=render.pk, by=ben, at=timezone.now())

        assert StagedEntry.objects.count() == entries

    def test_is_for_the_requester_alone(self) -> None:
        ada = make.person()
        render = make.requested(make.person(), make.cameo(ada))

        with pytest.raises(RenderNotFound):
            actions.cancel(render_id=render.pk, by=ada, at=timezone.now())

    def test_refuses_what_was_denied(self) -> None:
        ben = make.person()
        render = make.requested(ben, make.cameo(make.person(), audience="self"))

        with pytest.raises(RenderEnded):
            actions.cancel(render_id=render.pk, by=ben, at=timezone.now())

    def test_ends_the_living_attempt_and_its_secret(self) -> None:
        ben = make.person()
        attempt, _ = make.rendering(ben, make.cameo(make.person()))

        actions.cancel(render_id=attempt.render_id, by=ben, at=timezone.now())

        attempt.refresh_from_db()
        assert (attempt.end_code, attempt.job_secret) == ("requester-cancelled", None)


class TestMove:
    @pytest.mark.parametrize("target", [State.RELEASED, State.WITHDRAWN, State.RENDERING])
    def test_refuses_what_is_not_in_the_table(self, target: State) -> None:
        render = make.requested(make.person(), make.cameo(make.person(), audience="self"))

        with pytest.raises(IllegalTransition), transaction.atomic():
            transitions.move(render_id=render.pk, to=target, at=timezone.now())

    def test_does_nothing_the_second_time(self) -> None:
        render = make.requested(make.person(), make.cameo(make.person()))
        entries = StagedEntry.objects.count()

        with transaction.atomic():
            moved = transitions.move(render_id=render.pk, to=State.QUEUED, at=timezone.now())

        assert (moved, StagedEntry.objects.count()) == (False, entries)


class TestTheDatabase:
    """What no code can do, whatever it forgets."""

    def test_refuses_every_transition_that_is_not_in_the_table(self) -> None:
        render = make.requested(make.person(), make.cameo(make.person()))
        legal = {State.QUEUED, *rules.TRANSITIONS[State.QUEUED]}

        for target in set(State) - legal:
            with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
                Render.objects.filter(pk=render.pk).update(state=target, sealed_sha256=b"x")

    def test_refuses_to_leave_an_end(self) -> None:
        render = make.requested(make.person(), make.cameo(make.person(), audience="self"))

        for target in set(State) - {State.DENIED}:
            with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
                Render.objects.filter(pk=render.pk).update(state=target, sealed_sha256=b"x")

    def test_refuses_to_release_what_was_not_sealed(self) -> None:
        render = make.sealing_row(make.person(), make.cameo(make.person()))

        with (
            pytest.raises(IntegrityError, match="released_render_is_sealed"),
            transaction.atomic(),
        ):
            Render.objects.filter(pk=render.pk).update(state=State.RELEASED)

    def test_refuses_a_render_that_starts_anywhere_else(self) -> None:
        use = make.requested(make.person(), make.cameo(make.person())).use
        use.pk = uuid.uuid4()
        use.save(force_insert=True)

        with pytest.raises(DatabaseError, match="Cannot insert rows"), transaction.atomic():
            Render.objects.create(
                use=use,
                prompt="x",
                width_px=64,
                height_px=64,
                state=State.QUEUED,
                created_at=timezone.now(),
                state_at=timezone.now(),
            )

    def test_refuses_to_forget_a_render(self) -> None:
        render = make.requested(make.person(), make.cameo(make.person()))

        with pytest.raises(DatabaseError, match="Cannot delete rows"), transaction.atomic():
            Render.objects.filter(pk=render.pk).delete()


class TestUseChanged:
    def test_follows_a_denial_at_dispatch(self) -> None:
        ada, ben = make.person(), make.person()
        render = make.requested(ben, make.cameo(ada))
        Block.objects.create(blocker=ada, blocked=ben, created_at=timezone.now())

        assert attempts.dispatch(render_id=render.pk, at=timezone.now()) is None
        render.refresh_from_db()
        assert render.state == "denied"
        assert not render.attempts.exists()

    def test_passes_over_a_use_without_a_render(self) -> None:
        with transaction.atomic():
            actions.use_changed(UseChange(uuid.uuid4(), "cancelled", "x", timezone.now()))


class TestDestroyDraft:
    def test_refuses_what_is_still_at_work(self) -> None:
        ben = make.person()
        render = make.requested(ben, make.cameo(make.person()))

        with pytest.raises(NotADraft):
            actions.destroy_draft(render_id=render.pk, by=ben, at=timezone.now())

    def test_looks_like_not_there_to_a_stranger(self) -> None:
        render = make.requested(make.person(), make.cameo(make.person(), audience="self"))

        with pytest.raises(RenderNotFound):
            actions.destroy_draft(render_id=render.pk, by=make.person(), at=timezone.now())
