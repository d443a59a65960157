"""One process for each attempt, so that secrets, memory and a crash end with it.

The process is forked from a clean server process (multiprocessing's `forkserver`) that has imported the
libraries and touched neither CUDA nor a key. It dies with the worker. Whatever way it ends, its folder
is removed here.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import resource
import select
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog

from gpu_worker.contract.errors import (
    BackendFailed,
    ContractError,
    DeadlinePassed,
    PermitRedeemed,
    WorkerLost,
    by_code,
)
from gpu_worker.settings import Settings

logger = structlog.get_logger(__name__)

STOP_GRACE_S = 5.0  # Between asking a process to stop, or its deadline, and killing it.
POLL_S = 0.1
FOLDER_PREFIX = "countersign-gpu-"
PRELOAD = ["gpu_worker.attempts", "gpu_worker.backends.studio.backend"]
PR_SET_DUMPABLE = 4


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: the output's SHA-256, or the error, and whether the service was told it."""

    sha256: str | None
    error: ContractError | None
    is_told: bool = False


class Attempts:
    """Runs attempts one at a time. `stop` ends the one that runs, and refuses later ones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask the running attempt to stop; safe to call from a signal handler."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether the worker was told to stop."""
        return self._stopping.is_set()

    def run(self, order: Any, *, deadline_at: datetime) -> Outcome:
        """Carry out one order in a process of its own and return how it ended.

        A process that does not stop when asked, or runs past its deadline, is killed.
        """
        with scratch(self._settings.scratch_dir) as folder:
            ours, theirs = self._context.Pipe(duplex=False)
            process = self._context.Process(
                target=_main,
                args=(theirs, order, self._settings, folder, deadline_at),
                name="attempt",
            )
            process.start()
            theirs.close()
            try:
                return self._outcome(process, ours, deadline_at)
            finally:
                ours.close()
                if process.is_alive():
                    process.kill()
                process.join()
                process.close()

    def _outcome(self, process: Any, ours: Connection, deadline_at: datetime) -> Outcome:
        asked_at: datetime | None = None
        while True:
            try:
                if ours.poll(POLL_S):
                    return _read(ours.recv())
            except (EOFError, ConnectionError):
                process.join(POLL_S)
                return Outcome(None, WorkerLost(exitcode=process.exitcode))
            now = datetime.now(UTC)
            if asked_at is None and self.stopping:
                asked_at = now
                process.terminate()
            if asked_at is not None and (now - asked_at).total_seconds() > STOP_GRACE_S:
                return Outcome(None, WorkerLost(at="stop"))
            # The process knows its deadline; this is for one that hangs.
            if (now - deadline_at).total_seconds() > STOP_GRACE_S:
                return Outcome(None, DeadlinePassed(deadline_at=deadline_at.isoformat()))


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Give a private folder, mode 0700, and remove it with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> int:
    """Remove the folders of this user's workers that were killed; return how many. Called at start."""
    gone = [folder for folder in parent.glob(f"{FOLDER_PREFIX}*-*") if _is_abandoned(folder)]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)


def _is_abandoned(folder: Path) -> bool:
    number = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
    try:
        if not number.isdecimal() or folder.lstat().st_uid != os.getuid():
            return False
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _main(
    pipe: Connection, order: Any, settings: Settings, folder: Path, deadline_at: datetime
) -> None:
    """The attempt's process: carry out the order, tell the service how it failed, and say so."""
    from gpu_worker import attempts, logs
    from gpu_worker.stops import Stop

    _shut_in()
    threading.Thread(target=_die_with, args=(pipe.fileno(),), name="watch", daemon=True).start()
    logs.configure()
    stop = Stop(deadline_at=deadline_at)
    signal.signal(signal.SIGTERM, lambda *_: stop.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The worker passes it on as SIGTERM.
    error: ContractError | None = None
    try:
        pipe.send(("made", attempts.carry_out(order, settings=settings, folder=folder, stop=stop)))
    except ContractError as exc:
        error = exc
    except Exception as exc:
        # The traceback stays here: it may show data. Its place is enough to find the fault.
        logger.error("worker.backend_failed", error=type(exc).__name__, at=_place(exc))
        error = BackendFailed(error=type(exc).__name__, at=_place(exc))
    if error is not None:
        if not isinstance(error, PermitRedeemed):
            attempts.report_failure(order, error, settings=settings)
        pipe.send(("failed", error.code, {name: str(v) for name, v in error.members.items()}))


def _read(message: Any) -> Outcome:
    if message[0] == "made":
        return Outcome(message[1], None)
    _, code, members = message
    return Outcome(None, by_code()[code](**members), is_told=True)


def _shut_in() -> None:
    """Leave no core file, and let no other process of the user look inside."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if hasattr(libc := ctypes.CDLL(None, use_errno=True), "prctl"):
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _die_with(descriptor: int) -> None:
    """Die at once when nobody holds the pipe's other end: the worker was killed.

    Not PR_SET_PDEATHSIG: the parent is the fork server, which lives as long as its children do.
    """
    watch = select.poll()
    watch.register(descriptor, 0)  # Errors are told without being asked for.
    watch.poll()
    os.kill(os.getpid(), signal.SIGKILL)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
