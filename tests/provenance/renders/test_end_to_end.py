"""One render with the real worker's code over HTTP: permit, redemption, studio, marks, seal, release."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from gpu_worker import attempts as worker
from gpu_worker import identity
from gpu_worker.contract.errors import ContractError
from gpu_worker.settings import Settings
from gpu_worker.stops import Stop
from provenance.renders import actions, attempts, finishing, permits
from provenance.renders.models import Attempt, Render
from tests.factories import log as log_factory
from tests.factories import renders as make
from tests.factories import worker as worker_factory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker_settings(live_server: Any, settings: LazySettings, tmp_path: Path) -> Settings:
    return Settings(
        broker_url="memory://",
        broker_options={},
        service_url=live_server.url,
        permit_keys_dir=None,
        key_file=tmp_path / "worker.key",
        public_keys_dir=settings.WORKER_PUBLIC_KEYS_DIR,
        scratch_dir=tmp_path,
        encoder="libx264",
        beat_period_s=0.2,
        job_seconds_max=60,
    )


class TestTheWholeWay:
    def test_a_render_and_its_remix_are_made_sealed_and_released(
        self, worker_settings: Settings, tmp_path: Path
    ) -> None:
        ada, ben, cem = make.person(), make.person(), make.person()
        first = make.cameo(ada, recording=worker_factory.capture(who=0), remix_allowed=True)
        render = make.requested(ben, first)
        _make(render, worker_settings, tmp_path)

        other = make.cameo(cem, recording=worker_factory.capture(who=1))
        remix = make.requested(ben, other, parent_id=render.pk)
        _make(remix, worker_settings, tmp_path)

        assert Render.objects.get(pk=render.pk).state == "released"
        assert Render.objects.get(pk=remix.pk).state == "released"
        log_factory.sequence_all()
        call_command("verify_log")  # Every row is as its newest record says, or this raises.


class TestCalledOff:
    def test_a_running_worker_stops_at_its_next_beat_and_hands_nothing_in(
        self, worker_settings: Settings, tmp_path: Path
    ) -> None:
        ben = make.person()
        cameo = make.cameo(make.person(), recording=worker_factory.capture(who=0))
        render = make.requested(ben, cameo, seconds=Decimal(40))
        order, attempt = _ordered(render)
        ended: list[tuple[str, float]] = []

        def work() -> None:
            try:
                worker.carry_out(
                    order,
                    settings=worker_settings,
                    folder=tmp_path,
                    stop=Stop(deadline_at=attempt.expires_at),
                )
                ended.append(("made", time.monotonic()))
            except ContractError as exc:
                ended.append((exc.code, time.monotonic()))

        thread = threading.Thread(target=work)
        thread.start()
        _wait_until(lambda: Render.objects.get(pk=render.pk).stage == "rendering")
        actions.cancel(render_id=render.pk, by=ben, at=timezone.now())
        called_off = time.monotonic()
        thread.join(30)

        assert ended[0][0] == "cancelled"
        assert ended[0][1] - called_off < 5
        render.refresh_from_db()
        assert (render.state, render.output_path) == ("cancelled", "")


def _wait_until(is_so: Callable[[], bool], *, timeout_s: float = 30) -> None:
    until = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def _make(render: Render, settings: Settings, folder: Path) -> None:
    key = identity.load(settings.key_file)
    identity.publish(key, folder=settings.public_keys_dir)
    order, attempt = _ordered(render)
    stop = Stop(deadline_at=attempt.expires_at)
    worker.carry_out(order, settings=settings, folder=folder, stop=stop)
    finishing.finish(render_id=render.pk)


def _ordered(render: Render) -> tuple[worker.Order, Attempt]:
    """Dispatch, put the decision into the log, and verify the message as the worker does."""
    attempt = make.dispatched(render)
    assert not attempts.is_logged(attempt)
    log_factory.sequence_all()
    assert attempts.is_logged(attempt)
    message = attempts.message_for(attempt)
    order = worker.verify(
        message.permit, plain=message.job, keys=permits.public_keys(), at=timezone.now()
    )
    return order, attempt
