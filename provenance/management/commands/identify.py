"""`manage.py identify FILE`: whose is it, and does consent still hold?"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rest_framework.utils.encoders import JSONEncoder

from ledger.errors import CountersignError
from provenance.lookup import identifications, shapes


class Command(BaseCommand):
    help = "Look a file up by bytes, manifest, mark and looks; print JSON. Exit 3: nothing found."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **_options: Any) -> None:
        """Call one service; the result goes to stdout."""
        if not file.is_file():
            raise CommandError(f"there is no file {file}", returncode=1)
        try:
            found = identifications.identify(file, at=timezone.now())
        except CountersignError as exc:
            raise CommandError(f"{exc}: {exc.title}", returncode=2) from exc
        self.stdout.write(json.dumps(shapes.plain(found), cls=JSONEncoder, indent=2))
        if found.use_id is None:
            raise CommandError("no binding names a use of this service", returncode=3)
