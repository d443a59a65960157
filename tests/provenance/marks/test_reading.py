"""The child process: what it reads, what it refuses, and that hostile files end there."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from provenance.marks import child, reading
from tests.factories import media


class TestRead:
    def test_says_what_the_file_is(self, marked_reading: reading.Reading) -> None:
        video = marked_reading

        assert (video.width_px, video.height_px, video.frames) == (640, 360, 36)
        assert (video.seconds, video.fps) == (pytest.approx(3.0), pytest.approx(12.0))
        assert [one.shape for one in video.residuals] == [(360, 640), (226, 402), (142, 252)]
        assert video.signatures.shape == (15, 380)
        assert len(video.samples) == len(video.sampled_at) == 12

    def test_stops_at_the_seconds_asked_for(self, marked: Path) -> None:
        assert reading.read(marked, seconds_max=1.0).frames == 12

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"not a video at all",
            b"\x00\x00\x00\x18ftypisom" + bytes(200),
            b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n",
            b"ffconcat version 1.0\nfile '/etc/passwd'\n",
            b"\x89PNG\r\n\x1a\n" + bytes(100),
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        ],
        ids=["empty", "text", "bare-mp4", "playlist", "concat", "png", "svg"],
    )
    def test_refuses_what_is_no_video(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "file"
        path.write_bytes(data)

        with pytest.raises(reading.VideoUnreadable) as caught:
            reading.read(path)

        assert caught.value.code == "video-unreadable"

    def test_refuses_sound_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "picture.png"
        media.png(path)

        with pytest.raises(reading.VideoUnreadable):
            reading.read(path)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_refuses_or_reads_the_rest_of_a_truncated_file(
        self, marked: Path, tmp_path: Path, share: float
    ) -> None:
        whole = marked.read_bytes()
        path = tmp_path / "cut.mp4"
        path.write_bytes(whole[: int(len(whole) * share)])

        with pytest.raises(reading.VideoUnreadable):
            reading.read(path)

    @pytest.mark.parametrize("seed", range(6))
    def test_never_breaks_over_flipped_bytes(self, marked: Path, tmp_path: Path, seed: int) -> None:
        noise = np.random.default_rng(seed)
        data = np.frombuffer(marked.read_bytes(), np.uint8).copy()
        places = noise.integers(0, len(data), 60)
        data[places] = noise.integers(0, 256, 60)
        path = tmp_path / "flipped.mp4"
        path.write_bytes(data.tobytes())

        try:
            video = reading.read(path)
        except reading.VideoUnreadable:
            return
        assert video.frames > 0

    def test_refuses_frames_larger_than_it_reads(self, tmp_path: Path) -> None:
        path = media.clip(
            tmp_path / "wide.mp4", seconds=0.05, width_px=8448, height_px=64, sound=False
        )

        with pytest.raises(reading.VideoTooLarge):
            reading.read(path)

    def test_refuses_frames_smaller_than_the_grid(self, tmp_path: Path) -> None:
        path = media.clip(
            tmp_path / "tiny.mp4", seconds=0.1, width_px=16, height_px=16, sound=False
        )

        with pytest.raises(reading.VideoUnreadable):
            reading.read(path)


class TestChild:
    def test_may_not_use_more_than_its_limits(self) -> None:
        program = (
            "import resource; from provenance.marks import child; child.limit();"
            "print(*(resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_AS,"
            " resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)))"
        )

        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, cwd=reading.ROOT, check=True
        )

        assert [int(word) for word in done.stdout.split()] == [
            child.MEMORY_BYTES_MAX, child.CPU_S_MAX, child.OUTPUT_BYTES_MAX, 32,
        ]  # fmt: skip
        assert resource.getrlimit(resource.RLIMIT_CPU)[1] == resource.RLIM_INFINITY

    def test_imports_no_django(self) -> None:
        program = (
            "import sys; from provenance.marks import child, frames;print('django' in sys.modules)"
        )

        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, cwd=reading.ROOT, check=True
        )

        assert done.stdout.strip() == b"False"


class TestChecked:
    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "facts": np.array([640, 360, 1, 1.0, 25.0]),
            **{name: np.zeros((36, 64), np.float32) for name in reading.RESIDUALS},
            "signatures": np.zeros((1, 380), np.uint8),
            "samples": np.zeros((1, 36, 64), np.uint8),
            "sampled_at": np.zeros(1),
        }

    def answer(self, arrays: dict[str, np.ndarray]) -> io.BytesIO:
        out = io.BytesIO()
        np.savez(out, **arrays)
        out.seek(0)
        return out

    def test_believes_sound_arrays(self) -> None:
        assert reading._checked(self.answer(self.arrays())).frames == 1

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("residual_coarse", np.full((36, 64), np.nan, np.float32)),
            ("residual_coarse", np.zeros((36, 64, 2), np.float32)),
            ("residual_coarse", np.zeros((36, 64), np.float64)),
            ("signatures", np.zeros((1, 379), np.uint8)),
            ("samples", np.zeros((2, 36, 64), np.uint8)),
            ("sampled_at", np.array([np.inf])),
            ("facts", np.zeros(3)),
            ("facts", np.array([np.nan, 360, 1, 1, 25])),
            ("residual_coarse", np.array([{}], dtype=object)),
        ],
    )
    def test_refuses_others(self, name: str, value: np.ndarray) -> None:
        with pytest.raises(reading.VideoUnreadable):
            reading._checked(self.answer({**self.arrays(), name: value}))

    def test_refuses_what_is_no_archive(self) -> None:
        with pytest.raises(reading.VideoUnreadable):
            reading._checked(io.BytesIO(b"PK\x03\x04 nothing"))

    def test_refuses_a_missing_array(self) -> None:
        arrays = self.arrays()
        del arrays["samples"]

        with pytest.raises(reading.VideoUnreadable):
            reading._checked(self.answer(arrays))
