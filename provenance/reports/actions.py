"""Asking for a report, and building it in the background.

Building is repeatable: every file is made anew in the report's own scratch folder, and the row is moved to
`done` at the end, so a worker that dies costs time only. The export is logged when it is asked for, and when
it is done with the digest of each file. Who may have what: `standing.py` and docs/spec/reports.md.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.storage import storages

from ledger.accounts.models import Account
from ledger.consent import queries as consent
from ledger.consent.models import Use
from ledger.db import use_case
from ledger.log import actions as log
from ledger.log import bundle
from ledger.log import queries as log_queries
from ledger.outbox import actions as outbox
from ledger.outbox.tasks import Later
from provenance.renders import files
from provenance.renders.models import Render
from provenance.reports import content, queries, standing, typesetting
from provenance.reports.errors import (
    ReportNotFound,
    ReportUnusable,
    StandingLost,
    TooManyReports,
)
from provenance.reports.models import Export
from provenance.seals import queries as seals
from provenance.seals import verification

logger = structlog.get_logger(__name__)

PERIOD_MAX = timedelta(days=100)
SEQUENCING_WAIT_S = 0.3
FILES = {
    "report.pdf": "application/pdf",
    "report.csv": "text/csv; charset=utf-8",
    "report.json": "application/json",
    "audit-bundle.zip": "application/zip",
}


@use_case
def ask(
    *,
    kind: str,
    about_id: UUID | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
    by: Account,
    at: datetime,
) -> Export:
    """Ask for a report. Auditors may ask for any, with pseudonyms; others for what is theirs.

    Raises:
        ReportUnusable: nothing to be about, or a period that is open or too long.
        ReportNotFound: it is about something that is not theirs, or not there.
        TooManyReports: that many of theirs are not built yet.
    """
    if (kind == Export.Kind.PERIOD) == (about_id is not None):
        raise ReportUnusable
    if starts_at and ends_at and not timedelta(0) < ends_at - starts_at <= PERIOD_MAX:
        raise ReportUnusable(days_max=PERIOD_MAX.days)
    if kind == Export.Kind.PERIOD and not (starts_at and ends_at):
        raise ReportUnusable
    found = standing.of(by, kind=kind, about_id=about_id)
    if queries.open_count(by.id) >= queries.OPEN_MAX:
        raise TooManyReports(limit=queries.OPEN_MAX)
    export = Export.objects.create(
        requested_by=by,
        kind=kind,
        about_id=about_id,
        starts_at=starts_at,
        ends_at=ends_at,
        is_redacted=found.is_redacted,
        created_at=at,
        state_at=at,
    )
    log.stage(type="report.requested", at=at, subject_id=by.id, rows=[export])
    outbox.enqueue(topic="report.build", payload={"report_id": str(export.id)}, at=at)
    return export


def build(*, report_id: UUID, at: datetime) -> None:
    """Make the files of a report that was asked for. Safe to repeat.

    Raises:
        Later: entries that it must prove are not in the published log yet.
        StandingLost: whoever asked may no longer have it.
        TooMuchToReport, BundleTooLarge: it can never be built; a shorter period can.
    """
    export = Export.objects.select_related("requested_by").get(id=report_id)
    if export.state in (Export.State.DONE, Export.State.FAILED):
        return
    is_auditor = demand_standing(export).is_auditor
    use_ids = queries.use_ids_of(export, is_auditor=is_auditor)
    entry_ids = queries.entry_ids_of(export, use_ids)
    if len(log_queries.leaf_indexes(entry_ids)) < len(entry_ids):
        raise Later(SEQUENCING_WAIT_S)
    folder = settings.VAR_DIR / "scratch" / f"report-{export.id}"
    shutil.rmtree(folder, ignore_errors=True)  # Of a worker that died.
    folder.mkdir(mode=0o700, parents=True)
    try:
        _show(export, "gathering", 0.1)
        report = queries.gather(
            export, use_ids, is_auditor=is_auditor, entry_count=len(entry_ids), at=at
        )
        _write_tables(report, folder)
        _show(export, "typesetting", 0.4)
        typesetting.typeset(report, folder / "report.pdf")
        _show(export, "proving", 0.6)
        summary = bundle.build(
            entry_ids=entry_ids,
            target=folder / "audit-bundle.zip",
            extra=_extra(use_ids),
            may_see=_may_see(export, is_auditor=is_auditor),
        )
        _show(export, "storing", 0.9)
        stored, digests = _store(export, folder)
    except log_queries.NotYetPublished as exc:
        raise Later(SEQUENCING_WAIT_S) from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _finish(report_id=report_id, folder=stored, digests=digests, summary=summary, at=at)


def demand_standing(export: Export) -> standing.Standing:
    """Return the standing of whoever asked, as it is now, unless it became less.

    Raises:
        StandingLost: it did; nothing is built for them, and nothing that was built is handed out.
    """
    try:
        now = standing.of(export.requested_by, kind=export.kind, about_id=export.about_id)
    except ReportNotFound as exc:
        raise StandingLost(report_id=export.id) from exc
    if not export.requested_by.is_active or (now.is_redacted and not export.is_redacted):
        raise StandingLost(report_id=export.id)
    return now


@use_case
def fail(*, report_id: UUID, code: str, at: datetime) -> None:
    """Note that a report cannot be built, and why."""
    export = Export.objects.select_for_update().get(id=report_id)
    if export.state in (Export.State.QUEUED, Export.State.BUILDING):
        export.state, export.state_at, export.failure_code = Export.State.FAILED, at, code
        export.save(update_fields=["state", "state_at", "failure_code"])
        log.stage(type="report.failed", at=at, subject_id=export.requested_by_id, rows=[export])


@use_case
def _finish(
    *,
    report_id: UUID,
    folder: str,
    digests: dict[str, str],
    summary: bundle.BundleSummary,
    at: datetime,
) -> None:
    export = Export.objects.select_for_update().get(id=report_id)
    if export.state in (Export.State.DONE, Export.State.FAILED):
        return
    export.state, export.state_at, export.folder = Export.State.DONE, at, folder
    export.progress, export.stage = 1.0, ""
    export.save(update_fields=["state", "state_at", "folder", "progress", "stage"])
    log.stage(
        type="report.exported",
        at=at,
        subject_id=export.requested_by_id,
        rows=[export],
        details={
            "files": digests,
            "bundle_manifest_sha256": summary.manifest_sha256.hex(),
            "tree_size": summary.tree_size,
            "entries": summary.entries,
            "records": summary.records,
            "withheld": summary.withheld,
        },
    )


def _show(export: Export, stage: str, progress: float) -> None:
    Export.objects.filter(id=export.id, state__in=("queued", "building")).update(
        state=Export.State.BUILDING, stage=stage, progress=progress
    )


def _write_tables(report: content.Report, folder: Path) -> None:
    plain = content.to_plain(report)
    (folder / "report.json").write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    with (folder / "report.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["at", "kind", "render", "person", "detail", "log_index"])
        for event in plain["events"]:
            row = [event[name] for name in ("at", "kind", "render", "person", "detail")]
            writer.writerow([_inert(each) for each in row] + [event["log_index"]])


FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # ASCII, and their full-width forms.


def _inert(cell: str) -> str:
    """Keep a spreadsheet from running a cell as a formula, also after blanks that it ignores."""
    return f"'{cell}" if cell.lstrip(" \xa0\ufeff").startswith(FORMULA_STARTS) else cell


def _extra(use_ids: Sequence[UUID]) -> dict[str, bytes]:
    """Return the certificates and C2PA manifests of the sealed files, by their place in the bundle.

    A manifest holds a picture of the video: it is there only while the video itself is shown.
    """
    extra = {
        f"certificates/{row.serial}.pem": row.chain_pem.encode()
        for start in range(0, len(use_ids), seals.SEALS_MAX)
        for row in seals.certificates_of(list(use_ids[start : start + seals.SEALS_MAX]))
    }
    size_bytes = 0
    released = Render.objects.filter(use__in=use_ids, use__state=Use.State.RELEASED)
    for render in released.exclude(sealed_path=""):
        path = files.path_of(render.sealed_path)
        if path.exists() and not consent.is_held(use_id=render.pk):
            manifest = verification.manifest_store(path)
            size_bytes += len(manifest)
            if size_bytes > bundle.EXTRA_SIZE_BYTES_MAX:
                raise bundle.BundleTooLarge(limit=bundle.EXTRA_SIZE_BYTES_MAX)
            extra[f"manifests/{render.pk}.c2pa"] = manifest
    return extra


def _may_see(export: Export, *, is_auditor: bool) -> bundle.MaySee:
    """Whose records the recipient gets: an auditor with cause all of them, a person their own.

    None where people are pseudonyms: a record holds rows as they were written, with who is in them.
    """
    if export.is_redacted:
        return lambda entry_id, subject_id: False
    if is_auditor:
        return lambda entry_id, subject_id: True
    own = export.requested_by_id
    return lambda entry_id, subject_id: subject_id == own


def _store(export: Export, folder: Path) -> tuple[str, dict[str, str]]:
    """Put the files where the API finds them. Returns the place, and the SHA-256 of each file."""
    storage, place, digests = storages["default"], f"reports/{export.id}", {}
    for name in FILES:
        path = f"{place}/{name}"
        if storage.exists(path):
            storage.delete(path)
        with (folder / name).open("rb") as file:
            storage.save(path, file)
            file.seek(0)
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    logger.info("report.stored", report_id=str(export.id))
    return place, digests
