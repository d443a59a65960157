"""Asking for a report, and building it in the background.

Building is repeatable: every file is made anew in a folder of its own and the row is moved to `done` at the
end, so a worker that dies costs time only. The export is logged when it is asked for and when it is done.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.storage import storages

from ledger.accounts.models import Account
from ledger.consent import uses
from ledger.db import use_case
from ledger.log import actions as log
from ledger.log import bundle
from ledger.log import queries as log_queries
from ledger.outbox import actions as outbox
from ledger.outbox.tasks import Later
from provenance.renders import files
from provenance.renders.models import Render
from provenance.reports import content, queries, typesetting
from provenance.reports.errors import ReportNotFound, ReportUnusable
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
    """
    is_auditor = by.has_perm("provenance.add_export")
    if (kind == Export.Kind.PERIOD) == (about_id is not None):
        raise ReportUnusable
    if starts_at and ends_at and not timedelta(0) < ends_at - starts_at <= PERIOD_MAX:
        raise ReportUnusable(days_max=PERIOD_MAX.days)
    if kind == Export.Kind.PERIOD and not (starts_at and ends_at):
        raise ReportUnusable
    is_own = _is_own(kind, about_id, by)
    if not (is_auditor or is_own) or not _is_there(kind, about_id):
        raise ReportNotFound(about_id=about_id)
    export = Export.objects.create(
        requested_by=by,
        kind=kind,
        about_id=about_id,
        starts_at=starts_at,
        ends_at=ends_at,
        is_redacted=not is_own,
        created_at=at,
        state_at=at,
    )
    log.stage(type="report.requested", at=at, subject_id=by.id, rows=[export])
    outbox.enqueue(topic="report.build", payload={"report_id": str(export.id)}, at=at)
    return export


def build(*, report_id: UUID, at: datetime) -> None:
    """Make the files of a report that was asked for. Safe to repeat.

    Raises:
        Later: entries that it must prove are not in the log yet.
    """
    export = Export.objects.get(id=report_id)
    if export.state in (Export.State.DONE, Export.State.FAILED):
        return
    use_ids = queries.use_ids_of(export)
    entry_ids = queries.entry_ids_of(export, use_ids)
    indexed = log_queries.leaf_indexes(entry_ids)
    if len(indexed) < len(entry_ids):
        raise Later(SEQUENCING_WAIT_S)
    folder = Path(tempfile.mkdtemp(prefix="report-"))
    try:
        _show(export, "gathering", 0.1)
        report = queries.gather(export, use_ids, entry_count=len(entry_ids), at=at)
        _write_tables(report, folder)
        _show(export, "typesetting", 0.4)
        typesetting.typeset(report, folder / "report.pdf")
        _show(export, "proving", 0.6)
        bundle.build(
            entry_ids=entry_ids,
            target=folder / "audit-bundle.zip",
            extra=_extra(use_ids),
            may_see=_may_see(export),
        )
        _show(export, "storing", 0.9)
        stored = _store(export, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _finish(report_id=report_id, folder=stored, at=at)


@use_case
def fail(*, report_id: UUID, code: str, at: datetime) -> None:
    """Note that a report cannot be built, and why."""
    export = Export.objects.select_for_update().get(id=report_id)
    if export.state in (Export.State.QUEUED, Export.State.BUILDING):
        export.state, export.state_at, export.failure_code = Export.State.FAILED, at, code
        export.save(update_fields=["state", "state_at", "failure_code"])
        log.stage(type="report.failed", at=at, subject_id=export.requested_by_id, rows=[export])


@use_case
def _finish(*, report_id: UUID, folder: str, at: datetime) -> None:
    export = Export.objects.select_for_update().get(id=report_id)
    if export.state == Export.State.DONE:
        return
    export.state, export.state_at, export.folder = Export.State.DONE, at, folder
    export.progress, export.stage = 1.0, ""
    export.save(update_fields=["state", "state_at", "folder", "progress", "stage"])
    log.stage(type="report.exported", at=at, subject_id=export.requested_by_id, rows=[export])


def _show(export: Export, stage: str, progress: float) -> None:
    Export.objects.filter(id=export.id, state__in=("queued", "building")).update(
        state=Export.State.BUILDING, stage=stage, progress=progress
    )


def _is_own(kind: str, about_id: UUID | None, by: Account) -> bool:
    if kind == Export.Kind.PERSON:
        return about_id == by.id
    if kind == Export.Kind.RENDER and about_id is not None:
        return uses.is_co_owner(use_id=about_id, account_id=by.id)
    return False


def _is_there(kind: str, about_id: UUID | None) -> bool:
    if about_id is None:
        return True  # A period.
    if kind == Export.Kind.RENDER:
        return Render.objects.filter(use_id=about_id).exists()
    return Account.objects.filter(id=about_id).exists()


def _write_tables(report: content.Report, folder: Path) -> None:
    plain = content.to_plain(report)
    (folder / "report.json").write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    with (folder / "report.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["at", "kind", "render", "person", "detail", "log_index"])
        for event in plain["events"]:
            row = [event[name] for name in ("at", "kind", "render", "person", "detail")]
            writer.writerow([_inert(each) for each in row] + [event["log_index"]])


def _inert(cell: str) -> str:
    """Keep a spreadsheet from running a cell as a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _extra(use_ids: list[UUID]) -> dict[str, bytes]:
    """Return the certificates and the C2PA manifests of the sealed files, by their place in the bundle."""
    extra = {
        f"certificates/{row.serial}.pem": row.chain_pem.encode()
        for row in seals.certificates_of(use_ids)
    }
    for render in Render.objects.filter(use__in=use_ids).exclude(sealed_path=""):
        path = files.path_of(render.sealed_path)
        if path.exists():
            extra[f"manifests/{render.pk}.c2pa"] = verification.manifest_store(path)
    return extra


def _may_see(export: Export) -> bundle.MaySee:
    """Whose records the recipient gets: who may read records all of them, a person their own."""
    if export.requested_by.has_perm("ledger.view_record"):
        return lambda entry_id, subject_id: True
    own = export.requested_by_id
    return lambda entry_id, subject_id: subject_id == own


def _store(export: Export, folder: Path) -> str:
    storage = storages["default"]
    place = f"reports/{export.id}"
    for name in FILES:
        path = f"{place}/{name}"
        if storage.exists(path):
            storage.delete(path)
        with (folder / name).open("rb") as file:
            storage.save(path, file)
    logger.info("report.stored", report_id=str(export.id), origin=settings.LOG_ORIGIN)
    return place
