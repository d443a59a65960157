"""Compare the books with Stripe."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.errors import CountersignError
from rights.settlement import queries, reconciling, stripe_gateway


class Command(BaseCommand):
    help = (
        "Compare every movement of our Stripe balance with the books. One JSON line for each drift, "
        "then a summary. Exit 2 on any drift, 3 when Stripe cannot be asked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=float, default=7.0, help="how far back; 7 by default")

    def handle(self, *, days: float, **_options: object) -> None:
        """Call one service; drifts and the summary go to stdout."""
        until = timezone.now() + reconciling.CLOCKS_DIFFER_BY
        try:
            found = reconciling.reconcile(
                since=until - timedelta(days=days),
                until=until,
                stripe=stripe_gateway.from_settings(),
            )
        except CountersignError as exc:
            raise CommandError(f"cannot reconcile: {exc.code}", returncode=3) from exc
        for drift in found.drifts:
            self.stdout.write(json.dumps(asdict(drift)))
        is_balanced = queries.books().is_balanced
        summary = {
            "compared": found.compared,
            "drifts": len(found.drifts),
            "balanced": is_balanced,
        }
        self.stdout.write(json.dumps(summary))
        if found.drifts or not is_balanced:
            raise CommandError("the books and Stripe differ", returncode=2)
