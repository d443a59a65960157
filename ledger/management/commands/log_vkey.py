"""Print the log's verifier key, making the development key on first use."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ledger.log import identity


class Command(BaseCommand):
    help = "Print the log's verifier key (C2SP signed-note)."

    def handle(self, **_options: Any) -> None:
        """One line, as a witness and an auditor want it."""
        self.stdout.write(identity.signer().verifier.encode())
