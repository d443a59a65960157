"""The videos backend against a real HTTP server that makes real MP4 files."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gpu_worker import attempts, identity, settings
from gpu_worker.backends import registry
from gpu_worker.backends.videos import configuration
from gpu_worker.backends.videos.backend import Videos
from gpu_worker.backends.videos.configuration import Configuration
from gpu_worker.contract import job as jobs
from gpu_worker.contract import keys, receipt
from gpu_worker.contract.errors import (
    BackendFailed,
    BackendUnknown,
    CaptureUnreadable,
    DeadlinePassed,
    PermitTerritory,
    ServiceUnreachable,
)
from gpu_worker.plans import Person, Plan
from gpu_worker.stops import Stop
from provenance.marks import detection
from tests.factories import marks, worker
from tests.fakes import render_service, videos_server
from tests.fakes.videos_server import VideosServer


@pytest.fixture
def server() -> Iterator[VideosServer]:
    with videos_server.serving() as running:
        yield running


def plan(**changes: Any) -> Plan:
    person = Person("person-1", "Ada", {}, worker.capture())
    given: dict[str, Any] = {
        "prompt": "A walk on the beach", "title": "By the sea", "frames": 25, "fps": 25,
        "width_px": 320, "height_px": 180, "seed": 7, "cast": (person,), "parent": None, **changes,
    }  # fmt: skip
    return Plan(**given)


def backend(server: VideosServer, **changes: Any) -> Videos:
    return Videos(Configuration(**{"url": server.url, "model": "small", **changes}))


def rendered(made: Videos, asked: Plan) -> tuple[Any, Any]:
    """Return all frames and all sound."""
    batches = list(made.render(asked, lambda *_: None, lambda: False).batches())
    return (
        np.concatenate([batch.frames for batch in batches]),
        np.concatenate([batch.sound for batch in batches if batch.sound is not None], axis=1),
    )


class TestConfiguration:
    def test_is_not_offered_without_a_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WORKER_VIDEOS_URL", raising=False)

        with pytest.raises(BackendUnknown):
            registry.load("videos")

    def test_reads_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORKER_VIDEOS_URL", "https://gpus.example/fleet/")
        monkeypatch.setenv("WORKER_VIDEOS_MODEL", "Wan-AI/Wan2.2")
        monkeypatch.setenv("WORKER_VIDEOS_API_KEY", "secret")
        monkeypatch.setenv("WORKER_VIDEOS_TERRITORIES", "US, CA")

        known = configuration.from_environment()
        assert (known.url, known.api_key) == ("https://gpus.example/fleet", "secret")
        assert "secret" not in repr(known)
        loaded = registry.load("videos")
        assert loaded.metadata.model == "Wan-AI/Wan2.2"
        with pytest.raises(PermitTerritory):
            registry.require_able(loaded, job=worker.job(territories=("DE",)))

    @pytest.mark.parametrize(
        "url",
        [
            "http://gpus.example",
            "http://127.0.0.1.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user:word@gpus.example",
            "https://gpus.example?x=1",
            "https://gpus.example:port",
            "https://",
        ],
    )
    def test_refuses_an_address_that_is_neither_https_nor_this_machine(self, url: str) -> None:
        with pytest.raises(BackendFailed):
            Configuration(url=url, model="small")

    @pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "https://a.example"])
    def test_takes_https_and_this_machine(self, url: str) -> None:
        assert configuration.is_safe(url)


class TestAttempt:
    def test_hands_in_a_marked_playable_video(
        self, server: VideosServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WORKER_VIDEOS_URL", server.url)
        monkeypatch.setenv("WORKER_VIDEOS_MODEL", "small")
        monkeypatch.setenv("WORKER_SCRATCH_DIR", str(tmp_path))
        monkeypatch.setenv("WORKER_KEY_FILE", str(tmp_path / "key"))
        asked = worker.job(backend="videos", seconds=3.0, width_px=640, height_px=360)
        with render_service.serving(
            captures={"person-1": worker.capture()}, mark_key=marks.KEY.pattern_key,
            mark_payload=marks.PAYLOAD.to_bytes(8, "big"),
        ) as service:  # fmt: skip
            monkeypatch.setenv("COUNTERSIGN_SERVICE_URL", service.url)
            public, at = service.key.public_key(), datetime.now(UTC)
            order = attempts.verify(
                service.permit_for(asked), plain=jobs.to_plain(asked),
                keys={keys.key_id(public): public}, at=at,
            )  # fmt: skip
            folder = tmp_path / "one"
            folder.mkdir()
            attempts.carry_out(
                order, settings=settings.from_environment(), folder=folder,
                stop=Stop(deadline_at=at + timedelta(seconds=60)),
            )  # fmt: skip

        ((output, signed),) = service.outputs
        worker_key = identity.load(tmp_path / "key").public_key()
        said = receipt.verify(signed, keys={keys.key_id(worker_key): worker_key})
        assert (said.backend, said.model, said.weights_sha256) == ("videos", "small", "")
        assert said.device == "videos server 127.0.0.1, weights not stated"
        path = tmp_path / "output.mp4"
        path.write_bytes(output)
        found = detection.detect(path, keys=[marks.KEY])
        assert found is not None
        assert found.payload == marks.PAYLOAD
        with av.open(io.BytesIO(output), "r") as container:
            assert len(list(container.decode(video=0))) == 75
        assert server.jobs == {}
        assert sorted(one.name for one in tmp_path.iterdir()) == ["key", "one", "output.mp4"]


class TestRender:
    def test_asks_as_the_servers_document_it(self, server: VideosServer) -> None:
        rendered(backend(server, api_key="secret"), plan())

        sent = {name: part for name, part in server.fields.items() if name != "input_reference"}
        assert sent == {
            "model": b"small", "prompt": b"A walk on the beach", "seconds": b"1", "size": b"320x180",
            "num_frames": b"25", "fps": b"25", "seed": b"7",
        }  # fmt: skip
        assert server.fields["input_reference"].startswith(b"\xff\xd8\xff")
        assert server.authorization == "Bearer secret"

    def test_fits_size_rate_and_length_and_uses_the_sound(self, server: VideosServer) -> None:
        server.makes = {"fps": 10, "width_px": 200, "height_px": 200, "seconds": 1.6}

        frames, sound = rendered(backend(server), plan())

        assert frames.shape == (25, 180, 320, 3)
        assert sound.shape == (2, 48_000)
        assert np.abs(sound).max() > 0.05
        same = [np.array_equal(one, two) for one, two in pairwise(frames)]
        assert 9 <= same.count(False) <= 10

    def test_is_silent_where_the_video_is(self, server: VideosServer) -> None:
        server.makes = {"sound": False}

        assert not rendered(backend(server), plan())[1].any()

    def test_holds_the_last_frame_of_a_video_a_little_short(self, server: VideosServer) -> None:
        server.makes = {"seconds": 0.8}

        assert len(rendered(backend(server), plan())[0]) == 25

    def test_refuses_a_video_much_too_short(self, server: VideosServer) -> None:
        server.makes = {"seconds": 0.2}

        with pytest.raises(BackendFailed, match="videos-too-short"):
            rendered(backend(server), plan())

    def test_passes_slow_progress_on(self, server: VideosServer) -> None:
        server.polls_until_done, steps = 4, []

        clip = backend(server).render(plan(), lambda _, done: steps.append(done), lambda: False)
        list(clip.batches())

        assert steps == sorted(steps)
        assert len(set(steps)) >= 5
        assert (steps[0], steps[-1]) == (0.0, 1.0)

    @pytest.mark.parametrize(
        "cast", [(), (Person("a", "", {}, b"x"), Person("b", "", {}, b"x"))], ids=["none", "two"]
    )
    def test_shows_one_person(self, server: VideosServer, cast: tuple[Person, ...]) -> None:
        with pytest.raises(BackendFailed, match="people"):
            rendered(backend(server), plan(cast=cast))
        assert server.calls == []

    def test_sends_nothing_of_a_capture_that_is_no_video(self, server: VideosServer) -> None:
        broken = replace(plan().cast[0], capture=b"nothing")

        with pytest.raises(CaptureUnreadable):
            rendered(backend(server), plan(cast=(broken,)))
        assert server.calls == []


class TestFailures:
    @pytest.mark.parametrize("call", ["poll", "content"])
    def test_asks_again_after_a_server_error(self, server: VideosServer, call: str) -> None:
        server.broken_calls = {call: [500, 502]}

        assert len(rendered(backend(server), plan())[0]) == 25

    def test_submits_again_only_where_no_job_can_be(self, server: VideosServer) -> None:
        server.broken_calls = {"submit": [503, 500]}

        with pytest.raises(ServiceUnreachable, match="status=500"):
            rendered(backend(server), plan())
        assert server.calls == ["submit", "submit"]

    def test_gives_up_on_a_server_that_stays_broken(self, server: VideosServer) -> None:
        server.broken_calls = {"poll": [500] * 9}

        with pytest.raises(ServiceUnreachable):
            rendered(backend(server), plan())
        assert server.calls == ["submit", *["poll"] * 4, "delete"]
        assert server.jobs == {}

    @pytest.mark.parametrize("call", ["submit", "poll", "content"])
    def test_follows_no_redirect(self, server: VideosServer, call: str) -> None:
        server.broken_calls = {call: [307]}

        with pytest.raises(BackendFailed, match="status=307"):
            rendered(backend(server), plan())
        assert server.calls.count(call) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            b"[]",
            b"{",
            b"{}",
            b'{"id": "../x", "status": "queued"}',
            b'{"id": "x", "status": "lost"}',
            b" " * (256 * 1024 + 1),
            b"[" * 100_000,
        ],
    )
    def test_refuses_what_is_no_record(self, server: VideosServer, answer: bytes) -> None:
        server.answer = answer

        with pytest.raises(BackendFailed, match="videos-answer"):
            rendered(backend(server), plan())

    def test_says_that_the_job_failed(self, server: VideosServer) -> None:
        server.fails = True

        with pytest.raises(BackendFailed, match="videos-failed"):
            rendered(backend(server), plan())
        assert server.jobs == {}

    def test_does_not_use_a_video_that_was_cut_short(self, server: VideosServer) -> None:
        server.says_length = 10_000_000

        with pytest.raises(ServiceUnreachable):
            rendered(backend(server), plan())
        assert server.calls.count("content") == 4
        assert server.jobs == {}

    def test_does_not_use_part_of_a_video(self, server: VideosServer) -> None:
        server.says_length = 500

        with pytest.raises(BackendFailed, match="videos-unreadable"):
            rendered(backend(server), plan())

    def test_refuses_a_huge_file(self, server: VideosServer) -> None:
        server.content = b"x" * 5000

        with pytest.raises(BackendFailed, match="videos-size"):
            rendered(backend(server, download_size_bytes_max=4999), plan())
        assert server.calls.count("content") == 1

    def test_refuses_what_is_no_video(self, server: VideosServer) -> None:
        server.content = b"<html>not a video</html>" * 50

        with pytest.raises(BackendFailed, match="videos-unreadable"):
            rendered(backend(server), plan())

    def test_ends_at_its_deadline(self, server: VideosServer) -> None:
        server.polls_until_done = 10_000

        with pytest.raises(DeadlinePassed):
            rendered(backend(server, render_seconds_max=0.6), plan())
        assert server.jobs == {}


class TestCancelling:
    @pytest.mark.parametrize("waits_for", ["poll", "submit"])
    def test_deletes_the_job_within_a_second(self, server: VideosServer, waits_for: str) -> None:
        server.polls_until_done = 10_000
        server.submit_delay_s = 0.4 if waits_for == "submit" else 0.0
        stop, clips = threading.Event(), []
        thread = threading.Thread(
            target=lambda: clips.append(
                backend(server).render(plan(), lambda *_: None, stop.is_set)
            )
        )
        thread.start()
        server.wait_for(waits_for)

        stopped_at_s = time.monotonic()
        stop.set()
        thread.join()

        assert list(clips[0].batches()) == []
        assert server.jobs == {}
        assert server.deleted_at_s[0] - stopped_at_s < 1

    def test_deletes_a_job_whose_number_came_late(self, server: VideosServer) -> None:
        server.submit_delay_s = 1.0

        made = backend(server).render(plan(), lambda *_: None, lambda: "submit" in server.calls)

        assert list(made.batches()) == []
        server.wait_for("delete")
