"""Write the public log to a folder, as static files for any web server or object store."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.log import identity, publishing, queries
from ledger.log.sequencing import LogInconsistent

REPORT_EVERY_S = 0.5


class Command(BaseCommand):
    help = (
        "Bring a folder up to the newest published checkpoint: checkpoint, tile/…, vkey. What is "
        "there already stays; copy the folder anywhere. The sequencer does this for LOG_PUBLIC_DIR."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *, folder: Path, **_options: Any) -> None:
        """Call one service; progress goes to stderr, the result to stdout."""
        newest = queries.published()
        if newest is None:
            raise CommandError("nothing is published yet")
        self._said_s = time.monotonic()
        try:
            publishing.write_files(
                folder,
                note=newest.note,
                size=newest.tree_size,
                log=identity.verifier(),
                progress=self._progress,
            )
        except LogInconsistent as exc:
            raise CommandError(str(exc), returncode=2) from exc
        self.stdout.write(f"published {newest.tree_size} entries to {folder}")

    def _progress(self, count: int) -> None:
        if time.monotonic() - self._said_s >= REPORT_EVERY_S:
            self._said_s = time.monotonic()
            self.stderr.write(f"{count} files")
