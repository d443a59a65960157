"""Have a recording looked into by another process, which may die of it (`inspection.py`)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import structlog
from django.conf import settings

from ledger.cameos.checks import Measured
from ledger.cameos.errors import CaptureCheckUnavailable, CaptureNotVideo, CaptureUnreadable

logger = structlog.get_logger(__name__)

WALL_SECONDS_MAX = 60.0
ANSWER_BYTES_MAX = 1_048_576
EXIT_UNREADABLE = 3
PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH")

_MP4_BRANDS = (
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"mp41",
    b"mp42",
    b"avc1",
    b"M4V ",
    b"qt  ",
)


def kind_of(head: bytes) -> str:
    """Return `mp4` or `webm` by a file's first bytes, whatever it is called.

    Raises:
        CaptureNotVideo: it is neither.
    """
    if head[4:8] == b"ftyp" and head[8:12] in _MP4_BRANDS:
        return "mp4"
    if head[:4] == b"\x1aE\xdf\xa3" and b"webm" in head[:64]:
        return "webm"
    raise CaptureNotVideo


def measure(recording: Path, kind: str, *, wall_s: float = WALL_SECONDS_MAX) -> Measured:
    """Return what the recording shows and lets hear, measured in a confined process.

    Raises:
        CaptureUnreadable: `reason` says which bound it broke, or `limit` that it took too much CPU,
            memory or time.
        CaptureCheckUnavailable: the process could not be started, or was killed from outside.
    """
    command = [sys.executable, "-m", "ledger.cameos.inspection", str(recording), kind]
    try:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise CaptureCheckUnavailable from exc
    with process:
        answer = _answer(process, wall_s)
    return _read(process.returncode, answer)


def environment() -> dict[str, str]:
    """Return all that the process learns of ours: no settings, no secret."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2", "HOME": "/nonexistent"}


def _answer(process: subprocess.Popen[bytes], wall_s: float) -> bytes:
    try:
        answer, _ = process.communicate(timeout=wall_s)
    except subprocess.TimeoutExpired as exc:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        logger.warning("capture.check-timed-out", wall_s=wall_s)
        raise CaptureUnreadable(reason="limit") from exc
    return answer[: ANSWER_BYTES_MAX + 1]


def _read(status: int, answer: bytes) -> Measured:
    """Believe nothing of the answer's shape: the process has read a hostile file."""
    if status in (-signal.SIGKILL, -signal.SIGTERM):
        raise CaptureCheckUnavailable
    if status not in (0, EXIT_UNREADABLE) or len(answer) > ANSWER_BYTES_MAX:
        logger.info("capture.check-died", status=status)
        raise CaptureUnreadable(reason="limit")
    try:
        said = json.loads(answer)
        if status == EXIT_UNREADABLE:
            raise CaptureUnreadable(reason=str(said["unreadable"])[:40])
        return Measured.from_json(said["inspection"])
    except (ValueError, KeyError, TypeError) as exc:
        raise CaptureUnreadable(reason="limit") from exc


def first_bytes(file: BinaryIO) -> bytes:
    """Return the bytes that `kind_of` asks for, and leave the file at its start."""
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    return head
