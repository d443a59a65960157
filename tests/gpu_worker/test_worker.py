"""The worker as it is started: Celery, the embedded broker, signals, and kills."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from kombu import Queue

from gpu_worker.contract import job as jobs
from gpu_worker.contract import keys
from gpu_worker.contract.job import Job
from gpu_worker.settings import QUEUE, TASK
from ledger.stack import broker
from tests.factories import worker
from tests.fakes.render_service import RenderService

READY_TIMEOUT_S = 60


class Worker:
    """One `python -m gpu_worker`."""

    def __init__(self, service: RenderService, folder: Path) -> None:
        url = os.environ["CELERY_BROKER_URL"]
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.public = folder / "public"
        environment = {
            "PATH": os.environ["PATH"],
            "CELERY_BROKER_URL": url,
            "CELERY_BROKER_TRANSPORT_OPTIONS": broker.transport_options(url),
            "COUNTERSIGN_SERVICE_URL": service.url,
            "WORKER_KEY_FILE": str(folder / "worker" / "key"),
            "WORKER_PUBLIC_KEYS_DIR": str(self.public),
            "WORKER_SCRATCH_DIR": str(self.scratch),
            "WORKER_BEAT_PERIOD_S": "0.2",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gpu_worker"], env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_until_ready(self) -> None:
        assert self._lines.get(timeout=READY_TIMEOUT_S) == "gpu_worker: ready\n"

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


@pytest.fixture
def sender() -> Iterator[Celery]:
    """The service's end of the queue, emptied before each test."""
    url = os.environ["CELERY_BROKER_URL"]
    broker.install(url)
    app = Celery("sender", broker=url)
    app.conf.update(
        broker_transport_options=json.loads(broker.transport_options(url)),
        task_queues=[Queue(QUEUE)], task_default_queue=QUEUE,
    )  # fmt: skip
    with app.connection_for_write() as connection:
        Queue(QUEUE, channel=connection.default_channel).declare()
        Queue(QUEUE, channel=connection.default_channel).purge()
    yield app
    app.close()


@pytest.fixture
def started(service: RenderService, tmp_path: Path, sender: Celery) -> Iterator[Worker]:
    """A running worker that takes from the emptied queue."""
    running = Worker(service, tmp_path)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.end()


def send(sender: Celery, service: RenderService, asked: Job) -> None:
    kwargs = {
        "permit": service.permit_for(asked),
        "job": jobs.to_plain(asked),
        "service_url": "http://elsewhere.invalid",
    }
    sender.send_task(TASK, kwargs=kwargs, queue=QUEUE)


class TestWorker:
    def test_takes_jobs_in_turn_and_publishes_its_key(
        self, service: RenderService, sender: Celery, started: Worker
    ) -> None:
        first = worker.job()
        send(sender, service, first)
        send(sender, service, first)
        send(sender, service, worker.job())

        service.wait_for("output", count=2, timeout_s=60)

        assert service.calls.count("redemption") == 3
        assert len(keys.from_folder(started.public)) == 1
        assert service.failures == []

    def test_gives_a_job_back_and_ends_within_seconds_on_sigterm(
        self, service: RenderService, sender: Celery, started: Worker
    ) -> None:
        send(sender, service, worker.job(seconds=60.0))
        service.wait_for("beats", count=2, timeout_s=60)

        started.process.send_signal(signal.SIGTERM)
        began_at_s = time.monotonic()
        started.process.wait(15)

        assert time.monotonic() - began_at_s < 8
        assert [failure["code"] for failure in service.failures] == ["worker-stopped"]
        assert list(started.scratch.iterdir()) == []

    def test_killed_it_takes_its_render_with_it_and_the_next_one_sweeps(
        self, service: RenderService, sender: Celery, started: Worker, tmp_path: Path
    ) -> None:
        send(sender, service, worker.job(seconds=60.0))
        service.wait_for("beats", count=2, timeout_s=60)

        started.process.kill()
        started.process.wait()
        time.sleep(0.5)
        beats_then = len(service.beats)
        time.sleep(1.0)

        assert len(service.beats) == beats_then
        assert len(list(started.scratch.iterdir())) == 1
        following = Worker(service, tmp_path)
        try:
            following.wait_until_ready()
            assert list(started.scratch.iterdir()) == []
            send(sender, service, worker.job())
            service.wait_for("output", timeout_s=60)
        finally:
            following.end()

    def test_refuses_what_the_service_did_not_sign_without_a_call(
        self, service: RenderService, sender: Celery, started: Worker
    ) -> None:
        stranger, _ = worker.signing_key()
        asked = worker.job()
        forged = {"permit": worker.permit_for(asked, key=stranger), "job": jobs.to_plain(asked)}
        sender.send_task(TASK, kwargs=forged, queue=QUEUE)
        send(sender, service, worker.job())

        service.wait_for("output", timeout_s=60)

        assert service.calls.count("redemption") == 1
