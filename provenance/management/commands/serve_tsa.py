"""Serve the development time-stamp authority on loopback, until stopped. No database."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.errors import CountersignError
from provenance.seals import keystore, tsa


class Command(BaseCommand):
    help = "Answer RFC 3161 time-stamp requests for development."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--listen", default="127.0.0.1:8011", help="HOST:PORT of loopback")

    def handle(self, *, listen: str, **_options: Any) -> None:
        """Bind, say so, serve; stop at SIGTERM or SIGINT."""
        host, _colon, port = listen.rpartition(":")
        if settings.IS_PRODUCTION:
            raise CommandError("production asks a public authority: set TSA_URL")
        if not port.isdigit():
            raise CommandError("--listen takes HOST:PORT")
        try:
            folder = Path(settings.C2PA_KEYS_DIR)
            authority = keystore.time_stamping_authority(folder, at=timezone.now())
            server = tsa.make_server(host, int(port), authority=authority)
        except CountersignError as exc:
            raise CommandError(str(exc)) from exc
        except (OSError, ValueError, OverflowError) as exc:
            raise CommandError(f"cannot listen on {listen}: {exc}") from exc

        def stop(number: int, frame: FrameType | None) -> None:
            threading.Thread(target=server.shutdown).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        self.stdout.write(f"tsa: ready on {host}:{server.server_port}")
        self.stdout.flush()
        with server:
            server.serve_forever(poll_interval=0.2)
