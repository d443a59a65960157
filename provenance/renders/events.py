"""Progress as server-sent events: bounded in time, and in how many there are at once.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from uuid import UUID

from provenance.renders import rules
from provenance.renders.errors import TooManyWatchers
from provenance.renders.models import Render

OPEN_S_MAX = 25.0  # A client reconnects by itself; a thread of the web server is worth more.
POLL_S = 0.5
WATCHERS_MAX = 3  # For each process: the other threads keep answering.
_places = threading.BoundedSemaphore(WATCHERS_MAX)

FIELDS = ("state", "stage", "progress", "seconds_left")
RESTING = (*rules.ENDS, rules.State.RELEASED)


class Watch(Iterator[bytes]):
    """The events of one render, for at most `OPEN_S_MAX` seconds; gives its place back when closed.

    Raises:
        TooManyWatchers: no place is free in this process.
    """

    def __init__(
        self, render_id: UUID, *, open_s: float = OPEN_S_MAX, poll_s: float = POLL_S
    ) -> None:
        if not _places.acquire(blocking=False):
            raise TooManyWatchers(limit=WATCHERS_MAX)
        self._is_open = True
        self._events = _events(render_id, open_s=open_s, poll_s=poll_s)

    def __next__(self) -> bytes:
        try:
            return next(self._events)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the place back. Called by the server also when nobody ever listened."""
        if self._is_open:
            self._is_open = False
            _places.release()


def _events(render_id: UUID, *, open_s: float, poll_s: float) -> Iterator[bytes]:
    until, said = time.monotonic() + open_s, None
    yield b"retry: 1000\n\n"
    while True:
        now = Render.objects.values(*FIELDS).get(pk=render_id)
        if now != said:
            yield f"event: progress\ndata: {json.dumps(now)}\n\n".encode()
            said = now
        if now["state"] in RESTING:
            yield b"event: end\ndata: {}\n\n"
            return
        if time.monotonic() >= until:
            return
        time.sleep(poll_s)
