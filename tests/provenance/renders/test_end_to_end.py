"""One render with the real worker's code over HTTP: permit, redemption, studio, marks, seal, release."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from gpu_worker import attempts as worker
from gpu_worker import identity
from gpu_worker.settings import Settings
from gpu_worker.stops import Stop
from provenance.renders import attempts, finishing, permits
from provenance.renders.models import Render
from tests.factories import log as log_factory
from tests.factories import renders as make
from tests.factories import worker as worker_factory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker_settings(live_server, settings: LazySettings, tmp_path: Path) -> Settings:
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


def _make(render: Render, settings: Settings, folder: Path) -> None:
    key = identity.load(settings.key_file)
    identity.publish(key, folder=settings.public_keys_dir)
    attempt = make.dispatched(render)
    assert not attempts.is_logged(attempt)
    log_factory.sequence_all()
    assert attempts.is_logged(attempt)
    message = attempts.message_for(attempt)
    order = worker.verify(
        message.permit, plain=message.job, keys=permits.public_keys(), at=timezone.now()
    )
    worker.carry_out(
        order, settings=settings, folder=folder, stop=Stop(deadline_at=attempt.expires_at)
    )
    finishing.finish(render_id=render.pk)
