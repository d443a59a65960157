"""What a worker's file really is: read by a child process, compared with its job and receipt."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from gpu_worker.contract.job import Job
from gpu_worker.contract.receipt import Receipt
from ledger.errors import Unavailable
from provenance.renders.errors import OutputRejected

ROOT: Final = Path(__file__).resolve().parents[2]
WALL_S_MAX: Final = 60.0
ANSWER_SIZE_BYTES_MAX: Final = 1024 * 1024
CODECS: Final = frozenset({"h264", "hevc", "av1"})
CONTAINER: Final = "mov,mp4,m4a,3gp,3g2,mj2"
SECONDS_TOLERANCE: Final = 0.25  # Rounding to whole frames, and an encoder's priming of sound.


class ProbeTimedOut(Unavailable):
    code = "probe-timed-out"
    title = "The file took too long to read."


@dataclass(frozen=True)
class Probe:
    """What a file is. `packets_sha256` is over all coded pictures and sound: a seal leaves it as it is."""

    container: str
    video_codec: str
    streams: int
    sounds: int
    width_px: int
    height_px: int
    fps: float
    frames: int
    seconds: float
    sound_seconds: float
    packets_sha256: str
    poster: bytes  # JPEG.


def probe(path: Path) -> Probe:
    """Read a file in a child process with limits on memory, time and files.

    Raises:
        OutputRejected: `not-a-video`; it broke the reader, or is out of its bounds.
        ProbeTimedOut: after 60 seconds.
    """
    with path.open("rb") as source:
        try:
            done = subprocess.run(
                [sys.executable, "-E", "-m", "provenance.renders.probe_child"],
                stdin=source,
                capture_output=True,
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin"},
                timeout=WALL_S_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise ProbeTimedOut(timeout_s=WALL_S_MAX) from exc
    if done.returncode != 0 or len(done.stdout) > ANSWER_SIZE_BYTES_MAX:
        raise OutputRejected(reason="not-a-video")
    answer = json.loads(done.stdout)
    answer["poster"] = base64.b64decode(answer["poster"])
    return Probe(**{field.name: answer[field.name] for field in fields(Probe)})


def check(found: Probe, *, job: Job, receipt: Receipt) -> None:
    """Compare a file with what was asked for, and with what its worker said of it.

    Raises:
        OutputRejected: with the first thing that differs as its `reason`.
    """
    comparisons = {
        "wrong-container": found.container == CONTAINER,
        "wrong-codec": found.video_codec in CODECS,
        "wrong-streams": found.streams == 1 + found.sounds and found.sounds <= 1,
        "wrong-size": (found.width_px, found.height_px) == (job.width_px, job.height_px),
        "wrong-rate": abs(found.fps - job.fps) < 0.01,
        "wrong-length": found.frames == job.frames
        and abs(found.seconds - job.seconds) <= SECONDS_TOLERANCE,
        "wrong-sound": found.sound_seconds <= found.seconds + SECONDS_TOLERANCE,
        "not-as-receipted": (receipt.frames, receipt.has_audio)
        == (found.frames, found.sounds == 1),
    }
    for reason, is_right in comparisons.items():
        if not is_right:
            raise OutputRejected(reason=reason)
