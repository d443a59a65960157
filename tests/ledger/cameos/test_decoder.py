"""The decoder: what it measures, and what it does with hostile files."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ledger.cameos import checks, decoder
from ledger.cameos.checks import Verdict
from ledger.cameos.errors import CaptureCheckUnavailable, CaptureNotVideo, CaptureUnreadable
from tests.factories import cameos
from tests.ledger.cameos import recordings


def reason(path: Path, kind: str = "mp4", **limits: float) -> str:
    """Return why a recording is unreadable."""
    with pytest.raises(CaptureUnreadable) as refused:
        decoder.measure(path, kind, **limits)
    return str(refused.value.members["reason"])


class TestKindOf:
    @pytest.mark.parametrize(("container", "kind"), [("mp4", "mp4"), ("webm", "webm")])
    def test_tells_by_content(self, tmp_path: Path, container: str, kind: str) -> None:
        path = recordings.video(tmp_path / "anything.txt", seconds=1, container=container)

        with path.open("rb") as file:
            assert decoder.kind_of(decoder.first_bytes(file)) == kind
            assert file.tell() == 0

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"\x00",
            b"GIF89a",
            b"RIFF\x00\x00\x00\x00AVI ",
            b"\x1aE\xdf\xa3matroska",
            b"\x00" * 64,
        ],
    )
    def test_refuses_anything_else(self, head: bytes) -> None:
        with pytest.raises(CaptureNotVideo):
            decoder.kind_of(head)

    def test_refuses_other_matroska(self, tmp_path: Path) -> None:
        path = recordings.video(tmp_path / "a.webm", seconds=1, container="matroska")

        with path.open("rb") as file, pytest.raises(CaptureNotVideo):
            decoder.kind_of(decoder.first_bytes(file))


class TestMeasure:
    @pytest.mark.parametrize("person", ["ada", "ben", "cem", "stranger"])
    def test_finds_each_drawn_person_doing_as_asked(self, person: str) -> None:
        measured = decoder.measure(cameos.recording(person), "mp4")

        found = checks.check(cameos.challenge(), measured)
        assert {check.name: check.verdict for check in found if check.verdict != "pass"} == {}
        assert (measured.width_px, measured.height_px) == (960, 720)
        assert measured.fps == pytest.approx(25, abs=0.1)

    def test_finds_nobody_in_a_grey_picture(self, tmp_path: Path) -> None:
        measured = decoder.measure(recordings.video(tmp_path / "a", seconds=12), "mp4")

        found = {check.name: check.verdict for check in checks.check(cameos.challenge(), measured)}
        assert found["face-in-each-step"] == Verdict.FAIL
        assert found["voice-when-asked"] == Verdict.FAIL

    def test_reads_webm(self, tmp_path: Path) -> None:
        path = recordings.video(tmp_path / "a", container="webm")

        assert decoder.measure(path, "webm").seconds == pytest.approx(5, abs=0.3)

    def test_refuses_a_truncated_file(self, tmp_path: Path) -> None:
        whole = recordings.video(tmp_path / "whole")

        assert reason(recordings.truncated(whole, tmp_path / "cut")) == "undecodable"

    def test_refuses_text_that_begins_like_a_video(self, tmp_path: Path) -> None:
        assert reason(recordings.text_with_video_head(tmp_path / "a.mp4")) == "undecodable"

    def test_refuses_text(self, tmp_path: Path) -> None:
        assert reason(recordings.text(tmp_path / "a.mp4")) == "undecodable"

    def test_believes_the_stream_and_not_the_header_around_it(self, tmp_path: Path) -> None:
        whole = recordings.video(tmp_path / "whole")
        lying = recordings.with_size_in_header(
            whole, tmp_path / "lying", width_px=65_000, height_px=65_000
        )

        assert decoder.measure(lying, "mp4").width_px == 320

    def test_refuses_a_picture_that_is_huge_inside(self, tmp_path: Path) -> None:
        whole = recordings.video(tmp_path / "whole", container="webm")

        huge = recordings.growing(whole, tmp_path / "huge")

        assert reason(huge, "webm") in {"undecodable", "size-changes"}

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"width_px": 1922, "height_px": 240, "seconds": 1}, "too-large"),
            ({"width_px": 160, "height_px": 120, "seconds": 1}, "too-small"),
            ({"seconds": 2}, "too-short"),
            ({"seconds": 60, "fps": 2}, "too-long"),
            ({"seconds": 8, "fps": 5}, "bad-rate"),
            ({"sound": False}, "no-audio"),
            ({"picture": False}, "no-video"),
        ],
    )
    def test_refuses_what_is_out_of_bounds(
        self, tmp_path: Path, fields: dict[str, int], expected: str
    ) -> None:
        assert reason(recordings.video(tmp_path / "a", **fields)) == expected  # type: ignore[arg-type]  # By name.

    def test_refuses_a_kind_that_it_is_not(self, tmp_path: Path) -> None:
        assert reason(recordings.video(tmp_path / "a", seconds=1), "webm") == "undecodable"

    def test_gives_up_when_it_takes_too_long(self) -> None:
        assert reason(cameos.recording(), wall_s=0.3) == "limit"

    def test_says_unavailable_when_the_process_is_killed(self) -> None:
        mine = os.getpid()
        stop = threading.Event()

        def kill() -> None:
            while not stop.is_set():
                for child in _children_of(mine):
                    os.kill(child, signal.SIGKILL)
                    return
                time.sleep(0.02)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with pytest.raises(CaptureCheckUnavailable):
                decoder.measure(cameos.recording(), "mp4")
        finally:
            stop.set()
            killer.join()

    def test_leaves_no_process_behind(self) -> None:
        reason(cameos.recording(), wall_s=0.3)

        assert _children_of(os.getpid()) == []

    def test_passes_no_secret_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VAULT_KEY", "secret")
        monkeypatch.setenv("PATH", os.environ["PATH"])

        assert "VAULT_KEY" not in decoder.environment()
        assert set(decoder.environment()) <= {
            "PATH", "LANG", "LD_LIBRARY_PATH", "HOME", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS",
        }  # fmt: skip


def _children_of(pid: int) -> list[int]:
    """Return the processes that look into recordings and were started by `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            told = (entry / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == pid and b"ledger.cameos.inspection" in told:
            found.append(int(entry.name))
    return found
