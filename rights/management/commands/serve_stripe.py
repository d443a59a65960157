"""Serve the stand-in for Stripe on loopback, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from rights.settlement.stand_in import server


class Command(BaseCommand):
    help = "Serve the stand-in for Stripe. It moves no money; production refuses to run with it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--listen", default="127.0.0.1:12111", help="a loopback address")
        parser.add_argument("--state", type=Path, required=True, help="the file it keeps state in")
        parser.add_argument("--webhook", default="", help="where events go")

    def handle(self, *, listen: str, state: Path, webhook: str, **_options: object) -> None:
        """Serve until SIGTERM or SIGINT; state is kept at each request."""
        if settings.IS_PRODUCTION:
            raise CommandError("the stand-in is not for production", returncode=2)
        host, _, port = listen.rpartition(":")
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        state.parent.mkdir(parents=True, exist_ok=True)
        try:
            with server.running(
                host=host.strip("[]"),
                port=int(port),
                state=state,
                webhook_url=webhook or None,
                webhook_secret=settings.STRIPE_WEBHOOK_SECRET,
            ) as stand_in:
                self.stdout.write(f"stripe stand-in at {stand_in.base_url}")
                self.stdout.flush()
                stopping.wait()
        except (ValueError, OSError) as exc:
            raise CommandError(f"cannot listen at {listen}: {exc}", returncode=2) from exc
