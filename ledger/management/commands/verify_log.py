"""Check the log against its signatures, and every logged row against the log."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.log import identity, publishing, verification
from ledger.log.verification import LogChanged

REPORT_EVERY_S = 0.5


class Command(BaseCommand):
    help = (
        "Recompute the log's root from its entries, check every checkpoint, every record against "
        "its entry and every logged row against its newest record. Exit status 2, and the first "
        "offending row, when anything was changed, by whatever means."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--chunk", type=int, default=5_000, help="entries or rows per query")
        parser.add_argument(
            "--checkpoint",
            type=Path,
            action="append",
            default=[],
            help="a checkpoint kept elsewhere; it must be in this history (may be repeated)",
        )

    def handle(self, *, chunk: int, checkpoint: list[Path], **_options: Any) -> None:
        """Call one service; progress goes to stderr, the result to stdout."""
        self._said_s, self._is_line_open = time.monotonic(), False
        published = settings.LOG_PUBLIC_DIR / publishing.CHECKPOINT
        kept = [*checkpoint, *([published] if published.exists() else [])]
        try:
            found = verification.verify(
                log=identity.verifier(),
                chunk=chunk,
                kept=tuple(path.read_bytes() for path in kept),
                required_models=tuple(settings.LOG_REQUIRED_MODELS),
                progress=self._progress,
            )
        except LogChanged as exc:
            self._end_line()
            raise CommandError(f"changed: {exc}", returncode=2) from exc
        self._end_line()
        self.stdout.write(
            f"verified {found.tree_size} entries under {found.checkpoints} checkpoints, "
            f"{found.staged} staged, {found.rows} rows; {found.erased} records were erased"
        )

    def _progress(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._said_s < REPORT_EVERY_S and done < total:
            return
        self._said_s, self._is_line_open = time.monotonic(), True
        self.stderr.write(f"\r{what}: {done} of {total}   ", ending="")
        self.stderr.flush()

    def _end_line(self) -> None:
        if self._is_line_open:
            self.stderr.write("")
