from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from ledger.consent import uses
from ledger.consent.models import Decision, Hold
from ledger.log import bundle, records
from ledger.log import queries as log_queries
from ledger.log.models import Record
from ledger.outbox.actions import ATTEMPTS_MAX
from ledger.outbox.models import OutboxMessage
from ledger.outbox.tasks import Later
from provenance.renders import files
from provenance.reports import actions as reports
from provenance.reports import queries, standing, tasks, typesetting
from provenance.reports.errors import (
    ReportNotFound,
    ReportUnusable,
    StandingLost,
    TooManyReports,
    TooMuchToReport,
)
from provenance.reports.models import Export
from tests.factories import accounts, log, renders
from tests.factories import reports as make
from tests.factories.reports import Lineage

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def lineage() -> Lineage:
    return make.lineage()


def plain(export: Export) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(make.file_of(export, "report.json").read_text())
    return found


def inside(export: Export) -> zipfile.ZipFile:
    return zipfile.ZipFile(make.file_of(export, "audit-bundle.zip"))


def everything(export: Export) -> str:
    """Return all text that the files hold, the PDF's left out."""
    with inside(export) as archive:
        parts = [archive.read(name).decode("utf-8", "replace") for name in archive.namelist()]
    for name in ("report.json", "report.csv"):
        parts.append(make.file_of(export, name).read_text())
    return "\n".join(parts)


class TestAsk:
    def test_is_open_to_a_person_for_themselves(self, lineage: Lineage) -> None:
        export = make.asked(lineage.ada, kind="person", about=lineage.ada)

        assert (export.state, export.is_redacted) == ("queued", False)
        topics = OutboxMessage.objects.filter(topic="report.build").values_list("payload")
        assert list(topics) == [({"report_id": str(export.id)},)]

    def test_is_open_to_each_co_owner_of_a_render(self, lineage: Lineage) -> None:
        for co_owner in (lineage.ada, lineage.ben):
            assert not make.asked(co_owner, about=lineage.first).is_redacted

    @pytest.mark.parametrize("kind", ["render", "person"])
    def test_is_not_open_to_strangers(self, lineage: Lineage, kind: str) -> None:
        about = lineage.first if kind == "render" else lineage.ada

        with pytest.raises(ReportNotFound):
            make.asked(accounts.account(), kind=kind, about=about)

    def test_is_not_open_to_the_maker_of_another_remix(self, lineage: Lineage) -> None:
        with pytest.raises(ReportNotFound):
            make.asked(lineage.cem, about=lineage.first)

    def test_of_a_period_is_open_to_auditors_alone(self, lineage: Lineage) -> None:
        at = timezone.now()

        with pytest.raises(ReportNotFound):
            make.asked(lineage.ada, kind="period", starts_at=at - DAY, ends_at=at)

    @pytest.mark.parametrize("has_cause", [False, True])
    def test_names_people_to_auditors_with_cause_alone(
        self, lineage: Lineage, has_cause: bool
    ) -> None:
        export = make.asked(make.auditor(has_cause=has_cause), about=lineage.first)

        assert export.is_redacted is not has_cause

    def test_of_nothing_looks_like_one_of_somebody_elses(self) -> None:
        for asker in (accounts.account(), make.auditor()):
            for kind in ("render", "person"):
                with pytest.raises(ReportNotFound):
                    make.asked(asker, kind=kind, about=uuid4())

    @pytest.mark.parametrize(
        ("kind", "has_about", "starts", "ends"),
        [
            ("render", False, None, None),
            ("person", False, None, None),
            ("period", False, None, None),
            ("period", False, -5, None),
            ("period", False, None, -5),
            ("period", True, -5, -4),
            ("period", False, -4, -4),
            ("period", False, -4, -5),
            ("period", False, -101, 0),
            ("person", True, -4, -5),
        ],
    )
    def test_refuses_what_no_report_is_about(
        self, kind: str, has_about: bool, starts: int | None, ends: int | None
    ) -> None:
        at = timezone.now()
        auditor = make.auditor()

        with pytest.raises(ReportUnusable):
            make.asked(
                auditor,
                kind=kind,
                about=auditor if has_about else None,
                starts_at=None if starts is None else at + starts * DAY,
                ends_at=None if ends is None else at + ends * DAY,
            )
        assert not Export.objects.exists()

    def test_is_refused_while_many_wait(self) -> None:
        person = accounts.account()
        for _ in range(queries.OPEN_MAX):
            last = make.asked(person, kind="person", about=person)

        with pytest.raises(TooManyReports):
            make.asked(person, kind="person", about=person)
        reports.fail(report_id=last.id, code="x", at=timezone.now())
        make.asked(person, kind="person", about=person)


class TestBuild:
    def test_tells_an_auditor_everything_without_a_name(self, lineage: Lineage) -> None:
        export = make.built(make.auditor(), about=lineage.remix)

        found = plain(export)
        assert [row["id"] for row in found["renders"]] == [
            str(lineage.first.pk),
            str(lineage.remix.pk),
        ]
        assert found["renders"][1]["parent"] == str(lineage.first.pk)
        assert found["renders"][0]["verified"] == ["visible_mark", "invisible_mark", "manifest"]
        assert found["renders"][0]["sha256"] == hashlib.sha256(b"the first").hexdigest()
        assert len(found["decisions"]) == Decision.objects.count()
        assert all(row["log_index"] is not None for row in found["decisions"])
        assert [case["render"] for case in found["takedowns"]] == [str(lineage.first.pk)[:8]]
        assert found["tree_size"] > 0

    def test_leaves_no_way_from_a_pseudonym_to_a_person(self, lineage: Lineage) -> None:
        export = make.built(make.auditor(), about=lineage.remix)

        said = everything(export)
        for person in (lineage.ada, lineage.ben, lineage.cem):
            assert str(person.id) not in said
            assert person.email not in said
        for text in ("Lovelace", "Ada again", '"ada"', '"ben"', "harbour at dawn"):
            assert text not in said
        assert str(lineage.cameo.id) not in said
        with inside(export) as archive:
            assert not [name for name in archive.namelist() if name.startswith("records/")]
            assert [name for name in archive.namelist() if name.startswith("entries/")]

    def test_names_people_where_there_is_cause(self, lineage: Lineage) -> None:
        export = make.built(make.auditor(has_cause=True), about=lineage.first)

        assert plain(export)["renders"][0]["requester"] == "ben"
        with inside(export) as archive:
            assert [name for name in archive.namelist() if name.startswith("records/")]

    def test_tells_a_co_owner_only_what_is_theirs(self, lineage: Lineage) -> None:
        export = make.built(lineage.ben, about=lineage.first)

        found = plain(export)
        assert [row["id"] for row in found["renders"]] == [str(lineage.first.pk)]
        assert "cem" not in json.dumps(found)
        with inside(export) as archive:
            held = {UUID(name[8:-5]) for name in archive.namelist() if name.startswith("records/")}
        assert held
        subjects = Record.objects.filter(entry_id__in=held).values_list("subject_id", flat=True)
        assert set(subjects) == {lineage.ben.id}

    def test_hides_from_a_requester_who_refused_and_why(self, lineage: Lineage) -> None:
        dan = renders.person("dan")
        closed = renders.cameo(renders.person("eve"), audience="self")
        refused = renders.requested(dan, closed)
        assert refused.state == "denied"

        export = make.built(dan, about=refused)

        (decision,) = plain(export)["decisions"]
        assert decision["reasons"] == ["consent-denied"]
        assert "audience-self" not in json.dumps(plain(export))

    def test_of_a_person_holds_their_uses_and_their_entries(self, lineage: Lineage) -> None:
        export = make.built(lineage.ada, kind="person", about=lineage.ada)

        assert len(plain(export)["renders"]) == 2  # Her likeness is in both.
        own = set(
            Record.objects.filter(subject_id=lineage.ada.id).values_list("entry_id", flat=True)
        )
        own -= set(
            Record.objects.filter(row_ids__contains=[export.id]).values_list("entry_id", flat=True)
        )
        with inside(export) as archive:
            proved = {
                UUID(name[8:-5]) for name in archive.namelist() if name.startswith("entries/")
            }
        assert own <= proved

    def test_of_a_period_proves_every_entry_of_it(self, lineage: Lineage) -> None:
        at = timezone.now()
        export = make.built(make.auditor(), kind="period", starts_at=at - DAY, ends_at=at + DAY)

        with inside(export) as archive:
            count = len([name for name in archive.namelist() if name.startswith("entries/")])
        before = Record.objects.filter(created_at__lt=export.created_at, created_at__gte=at - DAY)
        assert count == before.count() == plain(export)["entry_count"] > 0

    def test_of_a_period_without_uses_is_empty_and_not_everything(self, lineage: Lineage) -> None:
        at = timezone.now()
        period = {"starts_at": at - 5 * DAY, "ends_at": at - 4 * DAY}

        export = make.built(make.auditor(), about=lineage.first, **period)

        assert (plain(export)["renders"], plain(export)["entry_count"]) == ([], 0)

    def test_makes_a_bundle_that_the_verifier_inside_accepts_until_a_byte_flips(
        self, lineage: Lineage, tmp_path: Path
    ) -> None:
        export = make.built(lineage.ben, about=lineage.first)
        path, verifier = make.file_of(export, "audit-bundle.zip"), tmp_path / "verify_bundle.py"
        with inside(export) as archive:
            verifier.write_bytes(archive.read("verify_bundle.py"))
            names = archive.namelist()
            files = {name: archive.read(name) for name in names}
            vkey = archive.read("log/vkey").decode().strip()

        def verify(of: Path) -> int:
            command = [sys.executable, "-I", str(verifier), str(of), "--log", vkey]
            return subprocess.run(command, capture_output=True, check=False).returncode

        assert verify(path) == 0
        assert any(name.startswith("certificates/") for name in names)
        for kind in ("entries/", "records/", "certificates/"):
            changed = tmp_path / "changed.zip"
            target = next(name for name in names if name.startswith(kind))
            with zipfile.ZipFile(changed, "w") as archive:
                for name, data in files.items():
                    flipped = bytes([data[0] ^ 1]) + data[1:] if name == target else data
                    archive.writestr(name, flipped)
            assert verify(changed) != 0, target

    def test_logs_the_export_with_the_digest_of_each_file(self, lineage: Lineage) -> None:
        export = make.built(make.auditor(), about=lineage.first)
        log.sequence_all()

        entry_ids = log_queries.entries_about([export.id])
        found = [json.loads(records.read(entry_id).record) for entry_id in entry_ids]
        details = next(each["details"] for each in found if "files" in each.get("details", {}))
        assert details["files"] == {
            name: hashlib.sha256(make.file_of(export, name).read_bytes()).hexdigest()
            for name in reports.FILES
        }
        with inside(export) as archive:
            manifest = hashlib.sha256(archive.read("manifest.json")).hexdigest()
        assert details["bundle_manifest_sha256"] == manifest

    def test_keeps_a_spreadsheet_from_running_a_cell(self, lineage: Lineage) -> None:
        cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "\u00a0=1"]

        assert [reports._inert(cell) for cell in cells] == [f"'{cell}" for cell in cells]
        assert [reports._inert(cell) for cell in ("", "Ada", "1+1")] == ["", "Ada", "1+1"]

    def test_writes_the_timeline_as_csv(self, lineage: Lineage) -> None:
        export = make.built(lineage.ben, about=lineage.first)

        text = make.file_of(export, "report.csv").read_text()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["kind"] for row in rows].count("render requested") == 1
        assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)

    def test_waits_for_the_log(self, lineage: Lineage) -> None:
        export = make.asked(lineage.ben, about=lineage.first)

        with pytest.raises(Later):
            reports.build(report_id=export.id, at=timezone.now())

        export.refresh_from_db()
        assert export.state == "queued"

    def test_does_nothing_the_second_time(self, lineage: Lineage) -> None:
        export = make.built(lineage.ben, about=lineage.first)
        before = make.file_of(export, "report.pdf").stat().st_mtime_ns

        reports.build(report_id=export.id, at=timezone.now() + DAY)

        assert make.file_of(export, "report.pdf").stat().st_mtime_ns == before
        assert Record.objects.filter(row_ids__contains=[export.id]).count() == 2

    @pytest.mark.parametrize("after", ["_write_tables", "bundle.build", "_store"])
    def test_is_taken_up_again_wherever_it_was_killed(
        self, lineage: Lineage, after: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            """What no code catches."""

        module, name = (bundle, "build") if "." in after else (reports, after)
        real = getattr(module, name)

        def killed(*args: Any, **kwargs: Any) -> None:
            real(*args, **kwargs)
            raise Killed

        export = make.asked(lineage.ben, about=lineage.first)
        log.sequence_all()
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(Killed):
                reports.build(report_id=export.id, at=timezone.now())
        left = settings.VAR_DIR / "scratch" / f"report-{export.id}"
        left.mkdir(parents=True)  # As kill -9 leaves it.
        (left / "audit-bundle.zip").write_bytes(b"half")

        reports.build(report_id=export.id, at=timezone.now())

        export.refresh_from_db()
        assert (export.state, export.progress, left.exists()) == ("done", 1.0, False)
        with inside(export) as archive:
            assert archive.testzip() is None

    @pytest.mark.parametrize("end", ["shown", "withdrawn", "held"])
    def test_gives_the_manifest_with_its_picture_only_while_the_video_is_shown(
        self, lineage: Lineage, end: str
    ) -> None:
        first = lineage.first
        files.path_of(first.sealed_path).write_bytes(b"a sealed video")
        if end == "withdrawn":
            uses.withdraw(use_id=first.pk, by=lineage.ada, reason="", at=timezone.now())
        elif end == "held":
            Hold.objects.create(use_id=first.pk, ground="legal-hold", starts_at=timezone.now())

        export = make.built(lineage.ben, about=first)

        with inside(export) as archive:
            is_there = any(name.endswith(".c2pa") for name in archive.namelist())
        assert is_there == (end == "shown")

    def test_is_refused_to_whoever_lost_their_standing(self, lineage: Lineage) -> None:
        auditor = make.auditor(has_cause=True)
        export = make.asked(auditor, about=lineage.first)
        auditor.user_permissions.remove(auditor.user_permissions.get(codename="view_record"))
        log.sequence_all()

        with pytest.raises(StandingLost):
            reports.build(report_id=export.id, at=timezone.now())

    def test_refuses_more_than_it_may_hold(
        self, lineage: Lineage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        export = make.asked(make.auditor(), about=lineage.first)
        log.sequence_all()
        monkeypatch.setattr(queries, "RENDERS_MAX", 1)

        with pytest.raises(TooMuchToReport):
            reports.build(report_id=export.id, at=timezone.now())


class TestTask:
    def carry(self, export: Export) -> OutboxMessage:
        message = OutboxMessage.objects.get(payload__report_id=str(export.id))
        tasks.build(message_id=str(message.id), report_id=str(export.id))
        message.refresh_from_db()
        export.refresh_from_db()
        return message

    def test_notes_what_can_never_be_built_with_its_code(
        self, lineage: Lineage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        export = make.asked(make.auditor(), about=lineage.first)
        log.sequence_all()
        monkeypatch.setattr(queries, "RENDERS_MAX", 1)

        message = self.carry(export)

        assert (export.state, export.failure_code) == ("failed", "report-too-large")
        assert message.done_at is not None

    def test_waits_without_counting_while_the_log_is_behind(self, lineage: Lineage) -> None:
        export = make.asked(lineage.ben, about=lineage.first)

        message = self.carry(export)

        assert (export.state, message.last_error, message.attempts) == ("queued", "later", 0)

    def test_gives_up_with_a_code_after_the_last_try(
        self, lineage: Lineage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(typesetting, "TEMPLATE", tmp_path / "none.typ")
        export = make.asked(lineage.ben, about=lineage.first)
        log.sequence_all()

        self.carry(export)
        assert export.state == "building"
        OutboxMessage.objects.update(attempts=ATTEMPTS_MAX)
        self.carry(export)

        assert (export.state, export.failure_code) == ("failed", tasks.BROKE)


class TestStanding:
    def test_of_an_auditor_is_redacted_about_their_own_things_too(self) -> None:
        auditor = make.auditor()

        found = standing.of(auditor, kind="person", about_id=auditor.id)

        assert (found.is_auditor, found.is_redacted) == (True, True)
