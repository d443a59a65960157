"""Push on renders that stand still; the outbox's clock does the same every two seconds."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from provenance.renders import sweeping


class Command(BaseCommand):
    help = "End attempts whose worker went silent, push on stuck renders, destroy needless files."

    def handle(self, **_options: Any) -> None:
        """Sweep once; print what was done."""
        swept = sweeping.sweep(timezone.now())
        self.stdout.write(
            f"attempts ended: {swept.lost}, renders pushed: {swept.pushed}, "
            f"renders tidied: {swept.tidied}"
        )
