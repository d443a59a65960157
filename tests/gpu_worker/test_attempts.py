"""An attempt from permit to receipt, against a real HTTP server, in a process of its own."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import psutil
import pytest

from gpu_worker import attempts, identity
from gpu_worker.contract import job as jobs
from gpu_worker.contract import keys, receipt
from gpu_worker.contract.errors import (
    BackendFailed,
    BackendUnknown,
    Cancelled,
    CaptureUnreadable,
    DeadlinePassed,
    ParentUnreadable,
    PermitRedeemed,
    ServiceUnreachable,
    WorkerLost,
    WorkerStopped,
)
from gpu_worker.contract.job import Job
from gpu_worker.processes import Attempts, Outcome
from gpu_worker.settings import Settings
from tests.factories import worker
from tests.fakes.render_service import RenderService

SettingsFor = Callable[..., Settings]


def order_of(service: RenderService, asked: Job) -> attempts.Order:
    public = service.key.public_key()
    return attempts.verify(
        service.permit_for(asked), plain=jobs.to_plain(asked), keys={keys.key_id(public): public},
        at=datetime.now(UTC),
    )  # fmt: skip


def run(
    service: RenderService, settings: Settings, asked: Job | None = None, *, seconds: float = 60,
) -> Outcome:  # fmt: skip
    deadline_at = datetime.now(UTC) + timedelta(seconds=seconds)
    order = order_of(service, asked or worker.job())
    return Attempts(settings).run(order, deadline_at=deadline_at)


def in_background(target: Callable[[], Outcome]) -> tuple[threading.Thread, list[Outcome]]:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(target()))
    thread.start()
    return thread, outcomes


def attempt_process() -> psutil.Process:
    """Return the process that carries the attempt out: a grandchild, below the fork server."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for server in psutil.Process().children():
            if "forkserver" in " ".join(server.cmdline()) and (found := server.children()):
                return found[0]
        time.sleep(0.02)
    raise AssertionError("no attempt is running")


class TestCarryOut:
    def test_hands_in_a_playable_marked_video_with_a_receipt_for_it(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        settings, asked = settings_for(service), worker.job(seconds=1.2)

        outcome = run(service, settings, asked)

        assert outcome.error is None
        ((output, signed),) = service.outputs
        public = identity.load(settings.key_file).public_key()
        said = receipt.verify(signed, keys={keys.key_id(public): public})
        assert said.output_sha256 == hashlib.sha256(output).hexdigest() == outcome.sha256
        assert said.output_size_bytes == len(output)
        assert said.job_sha256 == jobs.sha256(asked)
        assert (said.render_id, said.attempt_id) == (asked.render_id, asked.attempt_id)
        assert (said.backend, said.frames, said.fps) == ("studio", 30, 25)
        assert said.marks == ("visible", "invisible")
        assert said.weights_sha256 == ""
        with av.open(io.BytesIO(output)) as container:
            picture, sound = container.streams.video[0], container.streams.audio[0]
            assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
            assert (picture.codec_context.width, picture.codec_context.height) == (320, 180)
            assert picture.average_rate == 25
            frames = list(container.decode(picture))
            assert len(frames) == 30
            assert float(container.duration or 0) / 1e6 == pytest.approx(1.2, abs=0.05)
        assert output.index(b"moov") < output.index(b"mdat")

    def test_beats_at_once_and_then_forward(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        run(service, settings_for(service, beat_period_s=0.05), worker.job(seconds=2.0))

        fractions = [beat["fraction"] for beat in service.beats]
        assert len(fractions) >= 3
        assert fractions == sorted(fractions)
        assert {beat["stage"] for beat in service.beats} >= {"preparing", "rendering"}

    def test_leaves_nothing_in_its_folder(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        settings = settings_for(service)

        run(service, settings)

        assert list(settings.scratch_dir.iterdir()) == []

    def test_shows_the_parent_in_a_remix_and_fetches_no_capture_of_who_is_in_it(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.parent = worker.capture(seconds=1.0, who=1)
        asked = worker.job(
            cast=(worker.member("person-0", in_parent=True), worker.member()),
            parent_sha256=hashlib.sha256(service.parent).hexdigest(),
        )

        outcome = run(service, settings_for(service), asked)

        assert outcome.error is None
        assert service.calls.count("captures") == 1
        assert service.calls.count("parent") == 1

    def test_tries_again_when_the_service_is_away_for_a_moment(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.broken_calls = {"captures": [503], "output": [502, 503], "beats": [500, 500]}

        outcome = run(service, settings_for(service))

        assert outcome.error is None
        assert len(service.outputs) == 1

    def test_renders_once_however_often_the_message_comes(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        order, settings = order_of(service, worker.job()), settings_for(service)
        deadline_at = datetime.now(UTC) + timedelta(seconds=60)

        first = Attempts(settings).run(order, deadline_at=deadline_at)
        second = Attempts(settings).run(order, deadline_at=deadline_at)

        assert first.error is None
        assert isinstance(second.error, PermitRedeemed)
        assert len(service.outputs) == 1
        assert service.failures == []


class TestEnds:
    def test_stops_within_a_second_of_a_cancellation(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.cancels_after_beats = 1

        outcome = run(service, settings_for(service), worker.job(seconds=60.0))

        ended_at_s = time.monotonic()
        assert isinstance(outcome.error, Cancelled)
        assert service.cancelled_at_s is not None
        assert ended_at_s - service.cancelled_at_s < 1.0
        assert service.outputs == []
        assert [failure["code"] for failure in service.failures] == ["cancelled"]

    def test_a_refused_beat_ends_it_too(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.broken_calls = {"beats": [404]}

        outcome = run(service, settings_for(service), worker.job(seconds=60.0))

        assert isinstance(outcome.error, Cancelled)

    def test_gives_the_job_back_when_the_worker_is_told_to_stop(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        running = Attempts(settings_for(service))
        order = order_of(service, worker.job(seconds=60.0))
        deadline_at = datetime.now(UTC) + timedelta(seconds=60)
        thread, outcomes = in_background(lambda: running.run(order, deadline_at=deadline_at))
        service.wait_for("beats", count=2)

        running.stop()
        thread.join(10)

        assert isinstance(outcomes[0].error, WorkerStopped)
        assert outcomes[0].error.is_worth_another_attempt
        assert [failure["code"] for failure in service.failures] == ["worker-stopped"]

    def test_keeps_its_deadline(self, service: RenderService, settings_for: SettingsFor) -> None:
        outcome = run(service, settings_for(service), worker.job(seconds=60.0), seconds=1.5)

        assert isinstance(outcome.error, DeadlinePassed)
        assert service.outputs == []

    def test_a_killed_process_leaves_no_secret_behind(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        settings = settings_for(service)
        thread, outcomes = in_background(lambda: run(service, settings, worker.job(seconds=60.0)))
        service.wait_for("beats", count=2)
        assert len(list(settings.scratch_dir.iterdir())) == 1

        attempt_process().send_signal(signal.SIGKILL)
        thread.join(10)

        assert isinstance(outcomes[0].error, WorkerLost)
        assert outcomes[0].error.is_worth_another_attempt
        assert list(settings.scratch_dir.iterdir()) == []

    def test_a_changed_capture_is_refused_and_told(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.changes_captures = True

        outcome = run(service, settings_for(service))

        assert isinstance(outcome.error, CaptureUnreadable)
        assert [failure["code"] for failure in service.failures] == ["capture-unreadable"]

    def test_a_capture_that_is_no_video_is_refused(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.captures["person-1"] = b"not a video" * 1000

        assert isinstance(run(service, settings_for(service)).error, CaptureUnreadable)

    def test_another_parent_than_the_job_names_is_refused(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.parent = worker.capture(seconds=1.0)
        asked = worker.job(parent_sha256="0" * 64)

        assert isinstance(run(service, settings_for(service), asked).error, ParentUnreadable)

    def test_an_unknown_backend_is_refused_before_the_permit_is_redeemed(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        outcome = run(service, settings_for(service), worker.job(backend="nobody"))

        assert isinstance(outcome.error, BackendUnknown)
        assert service.redeemed == set()

    def test_a_cast_of_nobody_is_refused(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.captures = {}

        outcome = run(service, settings_for(service), worker.job(cast=()))

        assert isinstance(outcome.error, BackendFailed)
        assert service.failures[0]["code"] == "backend-failed"

    def test_an_encoder_that_breaks_is_a_failure_of_the_backend(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        outcome = run(service, settings_for(service, encoder="no-such-encoder"))

        assert isinstance(outcome.error, BackendFailed)
        assert list(settings_for(service).scratch_dir.iterdir()) == []

    def test_a_service_that_stays_away_is_waited_for_only_so_long(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        service.broken_calls = {"redemption": [503] * 9}

        outcome = run(service, settings_for(service))

        assert isinstance(outcome.error, ServiceUnreachable)
        assert service.calls.count("redemption") == 5


class TestDeadline:
    def test_is_when_the_permit_runs_out(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        order, now = order_of(service, worker.job()), datetime.now(UTC)

        found = attempts.deadline(
            order, settings=settings_for(service, job_seconds_max=9e9), at=now
        )

        assert found == order.claims.expires_at

    def test_is_the_workers_own_limit_where_that_is_sooner(
        self, service: RenderService, settings_for: SettingsFor
    ) -> None:
        order, now = order_of(service, worker.job()), datetime.now(UTC)
        order = replace(order, claims=replace(order.claims, expires_at=now + timedelta(hours=2)))

        found = attempts.deadline(order, settings=settings_for(service), at=now)

        assert found == now + timedelta(seconds=60)


class TestSweep:
    def test_removes_the_folders_of_workers_that_are_gone(self, tmp_path: Path) -> None:
        from gpu_worker import processes

        gone = tmp_path / f"{processes.FOLDER_PREFIX}{2**22 + 1}-abc"
        own = tmp_path / f"{processes.FOLDER_PREFIX}{os.getpid()}-abc"
        other = tmp_path / "another-folder"
        for folder in (gone, own, other):
            folder.mkdir()

        assert processes.sweep(tmp_path) == 1
        assert sorted(tmp_path.iterdir()) == sorted([own, other])
