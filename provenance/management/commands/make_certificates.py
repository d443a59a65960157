"""Make the development certificates, or renew what is due. Safe to repeat."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.errors import CountersignError
from provenance.seals import keystore


class Command(BaseCommand):
    help = "Make development certificates for seals and time-stamps in C2PA_KEYS_DIR."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--rotate",
            choices=("leaf", "root"),
            default="",
            help="make new ones before they are due",
        )

    def handle(self, *, rotate: str, **_options: Any) -> None:
        """Refuse in production; else call one service."""
        if settings.IS_PRODUCTION:
            raise CommandError(
                "production takes its certificates from docs/runbooks/certificates.md"
            )
        folder = Path(settings.C2PA_KEYS_DIR)
        try:
            made = keystore.provide(folder, at=timezone.now(), rotate=rotate)
        except CountersignError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"certificates: {' '.join(made) or 'nothing to do'}")
