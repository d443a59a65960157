"""Read a file's seal and say what held. Exit 0 trusted, 1 valid or none, 2 invalid. No database."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.errors import CountersignError
from provenance.seals import conformance, verification
from provenance.seals.verification import SealState


class Command(BaseCommand):
    help = "Verify the C2PA seal of a file, offline. Exit 0 if it is ours and whole, 1 if not ours, 2 if broken."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--manifest", action="store_true", help="print the manifest store too")

    def handle(self, *, path: Path, manifest: bool, **_options: Any) -> None:
        """Call one service; print one JSON object."""
        try:
            report = verification.verify(path)
        except (OSError, CountersignError) as exc:
            raise CommandError(str(exc), returncode=2) from exc
        found = conformance.findings(report.crjson) if report.crjson else ()
        said: dict[str, Any] = {
            "state": report.state,
            "sha256": report.sha256.hex(),
            "size_bytes": report.size_bytes,
            "manifest": report.manifest_label,
            "manifest_sha256": report.manifest_sha256.hex(),
            "signer": report.signer.common_name if report.signer else None,
            "serial": report.signer.serial if report.signer else None,
            "timestamped_at": report.timestamped_at.isoformat() if report.timestamped_at else None,
            "timestamp_trusted": report.timestamp_trusted,
            "problems": list(report.problems),
            "findings": [f"{finding.rule} {finding.about}".strip() for finding in found],
        }
        if manifest:
            said["store"] = report.manifest
        self.stdout.write(json.dumps(said, indent=2))
        if report.state is SealState.INVALID:
            raise CommandError("the seal is broken", returncode=2)
        if report.state is not SealState.TRUSTED:
            raise CommandError("the file is not sealed by this service", returncode=1)
