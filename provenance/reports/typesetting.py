"""Setting a report as PDF with Typst, offline, from a template in this folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import typst

from provenance.reports import content

TEMPLATE = Path(__file__).resolve().parent / "templates" / "report.typ"


def typeset(report: content.Report, target: Path) -> None:
    """Write the report as a PDF. The template sees only the report's own data."""
    with tempfile.TemporaryDirectory(prefix="typeset-") as name:
        folder = Path(name)
        shutil.copy(TEMPLATE, folder / "report.typ")
        (folder / "report.json").write_text(json.dumps(content.to_plain(report)))
        typst.compile(str(folder / "report.typ"), output=str(target), root=str(folder))
