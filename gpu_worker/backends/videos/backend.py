"""The videos backend: submit, wait, fetch, delete."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

import cv2

from gpu_worker import media, settings
from gpu_worker.backends.videos import configuration as configurations
from gpu_worker.backends.videos.clip import VideosClip
from gpu_worker.backends.videos.configuration import Configuration
from gpu_worker.backends.videos.server import NotTaken, RemoteJob, Server
from gpu_worker.contract.errors import (
    BackendFailed,
    CaptureUnreadable,
    DeadlinePassed,
    ServiceUnreachable,
)
from gpu_worker.contract.job import SECONDS_MAX
from gpu_worker.plans import Capabilities, Estimate, Metadata, OnStep, Plan, ShouldCancel

T = TypeVar("T")

TRIES = 4
BACKOFF_S = 0.25  # Doubled after each try.
POLL_PERIOD_S_MIN, POLL_PERIOD_S_MAX = 0.25, 5.0  # Half as long again after each poll.
TICK_S = 0.05
# A cancelled submission's answer is waited for so long, because only it says what to delete.
ANSWER_LATE_S_MAX = 0.7
REFERENCE_SIDE_PX_MAX, REFERENCE_QUALITY = 1280, 95
REFERENCE_AT_S = 1.0  # Into the capture: whoever holds the camera has settled.


class _Stopped(Exception):
    """The work is to stop."""


class Videos:
    """One server's model as a backend: one person, from a still of their capture and a prompt."""

    def __init__(self, configuration: Configuration | None = None) -> None:
        """Take the server that the environment names, or another.

        Raises:
            BackendUnknown: the environment names none.
            BackendFailed: its address is refused.
        """
        self._known = configuration or configurations.from_environment()
        self._server = Server(self._known)
        self.metadata = Metadata(
            name="videos",
            version="1.0",
            model=self._known.model,
            weights_sha256="",  # The servers do not tell; the clip's device says so.
            licence="as the server's operator states",
            territories=self._known.territories,
        )

    def capabilities(self) -> Capabilities:
        """Return what it can use and make. A video without sound gets silence."""
        return Capabilities(
            people_max=1, voice_reference=False, video_reference=False, audio=True, parent=False,
            pixels_max=1920 * 1080, seconds_max=min(30.0, SECONDS_MAX),
        )  # fmt: skip

    def estimate(self, plan: Plan) -> Estimate:
        """Return a rough guess: no server says how quick it is or who else waits."""
        share = plan.width_px * plan.height_px / (1280 * 720)
        return Estimate(
            min(self._known.render_seconds_max, 30 + plan.frames * share),
            self._known.download_size_bytes_max + int(200 * share * 1024 * 1024),
        )

    def render(self, plan: Plan, on_step: OnStep, should_cancel: ShouldCancel) -> VideosClip:
        """Have the video made and fetched; the server's job is deleted, however this ends.

        Raises:
            CaptureUnreadable: a capture that is not a video.
            ServiceUnreachable: the server is away, or has an error of its own.
            DeadlinePassed: it took longer than the configuration allows.
            BackendFailed: it refused, failed, or made what cannot be used.
        """
        on_step("preparing", 0.0)
        reference_jpeg = _reference(plan)
        waiting = _Waiting(should_cancel, seconds_max=self._known.render_seconds_max)
        # Without a name and in the worker's scratch folder: gone with this process, however it ends.
        file: BinaryIO = tempfile.TemporaryFile(dir=settings.scratch_folder())  # noqa: SIM115  # The clip closes it.
        device = f"videos server {self._known.host}, weights not stated"[:200]
        clip = VideosClip(file, plan=plan, device=device, should_cancel=should_cancel)
        try:
            job = self._submit(plan, reference_jpeg, waiting)
            try:
                self._await(job, on_step, waiting)
                waiting.trying(lambda: self._server.download(job.id, into=file))
            finally:
                self._server.delete(job.id)
            on_step("preparing", 1.0)
        except _Stopped:
            file.close()
        except BaseException:
            file.close()
            raise
        return clip

    def _submit(self, plan: Plan, reference_jpeg: bytes, waiting: _Waiting) -> RemoteJob:
        fields = {
            "model": self._known.model,
            "prompt": plan.prompt,
            "seconds": str(math.ceil(plan.seconds)),
            "size": f"{plan.width_px}x{plan.height_px}",
            "num_frames": str(plan.frames),
            "fps": str(plan.fps),
            "seed": str(plan.seed),
        }

        def submit() -> RemoteJob:
            return self._server.submit(fields, reference_jpeg=reference_jpeg)

        # Tried again only where the server surely has no job yet, so that there are never two.
        return waiting.trying(
            submit, again_on=NotTaken, on_late=lambda job: self._server.delete(job.id)
        )

    def _await(self, job: RemoteJob, on_step: OnStep, waiting: _Waiting) -> None:
        period_s, fraction, job_id = POLL_PERIOD_S_MIN, 0.0, job.id
        while job.status != "completed":
            if job.status == "failed":
                raise BackendFailed(what="videos-failed")
            fraction = max(fraction, job.fraction)
            on_step("preparing", 0.95 * fraction)
            waiting.pause(period_s)
            period_s = min(POLL_PERIOD_S_MAX, period_s * 1.5)
            job = waiting.trying(lambda: self._server.poll(job_id))
            if job.id != job_id:
                raise BackendFailed(what="videos-answer")


class _Waiting:
    """The patience of one render: until it is to stop, or its time is over."""

    def __init__(self, should_cancel: ShouldCancel, *, seconds_max: float) -> None:
        self._should_cancel, self._seconds_max = should_cancel, seconds_max
        self._until = time.monotonic() + seconds_max

    def check(self) -> None:
        """Return if there is time and reason to wait on."""
        if self._should_cancel():
            raise _Stopped
        if time.monotonic() >= self._until:
            raise DeadlinePassed(what="videos", seconds_max=self._seconds_max)

    def pause(self, seconds: float) -> None:
        """Wait, looking often whether to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, TICK_S))

    def trying(
        self, call: Callable[[], T], *, again_on: type[ServiceUnreachable] = ServiceUnreachable,
        on_late: Callable[[T], None] | None = None,
    ) -> T:  # fmt: skip
        """Return what a call returns, making it again some times where that may help."""
        for number in range(TRIES):
            try:
                return self._aside(call, on_late)
            except again_on:
                if number == TRIES - 1:
                    raise
                self.pause(BACKOFF_S * 2**number)
        raise AssertionError("unreachable")

    def _aside(self, call: Callable[[], T], on_late: Callable[[T], None] | None) -> T:
        """Make a call in a thread, so that a server that is silent does not hold up a stop."""
        self.check()
        box: dict[str, Any] = {}
        given_up = threading.Event()

        def undo() -> None:
            # Whoever takes the answer out of the box undoes it: this thread or that one.
            if on_late is not None and (late := box.pop("value", None)) is not None:
                on_late(late)

        def run() -> None:
            try:
                box["value"] = call()
            except BaseException as exc:  # Raised again by who waits.
                box["error"] = exc
            if given_up.is_set():
                undo()

        thread = threading.Thread(target=run, name="videos-call", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                self.check()
                thread.join(TICK_S)
        except (_Stopped, DeadlinePassed):
            given_up.set()
            if on_late is not None:
                thread.join(ANSWER_LATE_S_MAX)
                undo()
            raise
        if "error" in box:
            raise box["error"]
        value: T = box["value"]
        return value


def _reference(plan: Plan) -> bytes:
    """Return a still of the person as JPEG: the servers take one image."""
    captures = [person.capture for person in plan.cast if person.capture is not None]
    if len(captures) != 1:
        raise BackendFailed(what="people", people_max=1)
    try:
        seen = media.outline(
            captures[0], height_px=REFERENCE_SIDE_PX_MAX, count=2, from_s=0.0,
            until_s=2 * REFERENCE_AT_S,
        )  # fmt: skip
    except media.Unreadable as exc:
        raise CaptureUnreadable(at="video") from exc
    rgb = seen.samples[-1]
    quality = [cv2.IMWRITE_JPEG_QUALITY, REFERENCE_QUALITY]
    is_done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)
    if not is_done:
        raise BackendFailed(what="videos-reference")
    return bytes(jpeg)
