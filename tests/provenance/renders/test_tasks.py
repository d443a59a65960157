"""The outbox's handlers, each delivered as the relay delivers it."""

from __future__ import annotations

import os
import threading
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from ledger.celery import app
from ledger.consent.models import UseCast
from ledger.outbox.models import OutboxMessage
from ledger.stack import broker
from provenance.renders import actions, attempts, finishing, tasks
from provenance.renders.jobs import build
from provenance.renders.models import Attempt, Render
from tests.factories import log as log_factory
from tests.factories import renders as make


def _deliver(topic: str, task: Any) -> OutboxMessage:
    message = OutboxMessage.objects.filter(topic=topic, done_at=None).latest("created_at")
    task(message_id=str(message.id), **message.payload)
    message.refresh_from_db()
    return message


@pytest.mark.django_db(transaction=True)
class TestDispatchAndSend:
    def test_send_waits_for_the_log_and_then_hands_over_one_permitted_job(self) -> None:
        broker.install(os.environ["CELERY_BROKER_URL"])
        render = make.requested(make.person(), make.cameo(make.person()))

        assert _deliver("render.dispatch", tasks.dispatch).done_at is not None
        early = _deliver("render.send", tasks.send)
        assert (early.done_at, early.last_error) == (None, "later")
        log_factory.sequence_all()
        assert _deliver("render.send", tasks.send).done_at is not None

        with app.connection_for_read() as line:
            queue = line.SimpleQueue("gpu")
            message = queue.get(timeout=10)
            message.ack()
            queue.close()
        _args, given, _embed = message.payload
        attempt = Attempt.objects.get(render=render)
        assert given["job"] == attempt.job
        assert set(given) == {"permit", "job", "service_url"}
        assert message.headers["task"] == "gpu_worker.render"

    def test_does_not_send_what_was_cancelled_meanwhile(self) -> None:
        ben = make.person()
        render = make.requested(ben, make.cameo(make.person()))
        _deliver("render.dispatch", tasks.dispatch)
        actions.cancel(render_id=render.pk, by=ben, at=timezone.now())

        assert _deliver("render.send", tasks.send).done_at is not None

    def test_dispatches_once_the_money_is_authorised(self) -> None:
        ada, ben = make.person(), make.person()
        cameo = make.cameo(
            ada,
            purposes=["personal", "commercial"],
            fees={"commercial": {"amount_minor": 5_000, "currency": "usd"}},
        )
        make.payable(ada)
        render = make.requested(ben, cameo, purpose="commercial")
        make.pay(render)

        _deliver("licence.authorised", tasks.dispatch)

        assert Render.objects.get(pk=render.pk).state == "queued"
        assert Attempt.objects.filter(render=render).count() == 1


@pytest.mark.django_db(transaction=True)
class TestFinish:
    def test_waits_while_another_is_at_it(self) -> None:
        render = make.sealing_row(make.person(), make.cameo(make.person()))
        held, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            try:
                with finishing._alone(render.pk):
                    held.set()
                    let_go.wait(20)
            finally:
                connection.close()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(10)
        message = _deliver("render.finish", tasks.finish)
        let_go.set()
        thread.join(10)

        assert (message.done_at, message.last_error, message.attempts) == (None, "later", 0)

    def test_sweep_is_a_handler_too(self) -> None:
        OutboxMessage.objects.create(
            id=uuid.uuid4(),
            topic="clock.renders",
            payload={},
            due_at=timezone.now(),
            created_at=timezone.now(),
        )

        assert _deliver("clock.renders", tasks.sweep).done_at is not None


@pytest.mark.django_db
class TestJobs:
    def test_a_remix_that_keeps_everybody_opens_the_parents_picture(self) -> None:
        ada, ben = make.person(), make.person()
        parent = make.released_row(ben, make.cameo(ada), body=b"sealed")
        remix = make.requested(ben, make.cameo(make.person()), parent_id=parent.pk)

        attempt = make.dispatched(remix)

        assert attempt.job["parent_sha256"] == bytes(parent.sealed_sha256 or b"").hex()
        assert sorted(one["in_parent"] for one in attempt.job["cast"]) == [False, True]
        assert len(attempt.captures) == 1

    def test_a_remix_that_drops_somebody_shows_none_of_that_picture(self) -> None:
        ada, ben, cem = make.person(), make.person(), make.person()
        hers, his = make.cameo(ada), make.cameo(cem)
        parent = make.released_row(ben, hers, his, body=b"sealed")
        remix = make.requested(ben, parent_id=parent.pk, drop=(hers.id,))

        attempt = make.dispatched(remix)

        assert attempt.job["parent_sha256"] is None
        assert [one["in_parent"] for one in attempt.job["cast"]] == [False]
        kept = UseCast.objects.get(use_id=remix.pk)
        assert (kept.cameo_id, set(attempt.captures)) == (his.id, {str(kept.id)})

    def test_are_the_same_from_the_same_rows(self, settings: LazySettings) -> None:
        render = make.requested(make.person(), make.cameo(make.person()))
        cast = list(UseCast.objects.filter(use_id=render.pk).select_related("cameo"))
        given: dict[str, Any] = {
            "render": render,
            "cast": cast,
            "parent": None,
            "attempt_id": uuid.UUID(int=1),
            "mark_text": "x",
        }

        assert build(**given) == build(**given)


@pytest.mark.django_db
class TestParentDoor:
    def test_gives_the_parents_file_and_stops_when_it_is_withdrawn(self) -> None:
        ada, ben = make.person(), make.person()
        parent = make.released_row(ben, make.cameo(ada), body=b"sealed")
        remix = make.requested(ben, make.cameo(make.person()), parent_id=parent.pk)
        attempt = make.dispatched(remix)
        make.redeemed(attempt)
        bearer = {"Authorization": f"Bearer {attempts.message_for(attempt).permit}"}
        address = f"/worker/v1/renders/{remix.pk}/parent"

        before = Client().get(address, headers=bearer)
        given = b"".join(before.streaming_content)
        make.withdraw(parent)
        after = Client().get(address, headers=bearer)

        assert (before.status_code, given) == (200, b"sealed")
        assert (after.status_code, after.json()["code"]) == (451, "withdrawn")


@pytest.mark.django_db
class TestAdmin:
    def test_shows_renders_to_those_who_may_see_them_and_changes_nothing(self) -> None:
        render = make.released_row(make.person(), make.cameo(make.person()), body=b"x")
        auditor = make.person(is_staff=True)
        client = Client()
        client.force_login(auditor)
        address = f"/admin/provenance/render/{render.pk}/change/"
        assert client.get(address).status_code == 403

        auditor.user_permissions.add(Permission.objects.get(codename="view_render"))

        page = client.get(address)
        assert page.status_code == 200
        assert render.prompt not in page.content.decode()
        assert client.get("/admin/provenance/render/").status_code == 200
        assert client.post(address, {"state": "failed"}).status_code == 403
        assert client.get("/admin/provenance/render/add/").status_code == 403
