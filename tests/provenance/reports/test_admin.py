from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from provenance.reports import actions as reports
from provenance.reports.models import Export
from tests.factories import accounts, log
from tests.factories import reports as make
from tests.factories import rights as rights_rows

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/provenance/export/"


def form(**fields: Any) -> dict[str, Any]:
    empty = {"kind": "person", "about_id": ""}
    empty |= {f"{name}_at_{part}": "" for name in ("starts", "ends") for part in (0, 1)}
    return empty | fields


def desk_of(role: str) -> tuple[Any, Client]:
    account = rights_rows.staff(role)
    return account, rights_rows.desk(account)


class TestExportAdmin:
    def test_lets_an_auditor_ask_and_have_the_files(self) -> None:
        auditor, desk = desk_of("auditor")
        person = accounts.account()

        answer = desk.post(f"{PAGE}add/", form(about_id=str(person.id)))

        assert answer.status_code == 302, answer.content.decode()[:2000]
        export = Export.objects.get()
        assert (export.requested_by_id, export.is_redacted) == (auditor.id, True)
        waiting = desk.get(f"{PAGE}{export.id}/files/report.pdf")
        log.sequence_all()
        reports.build(report_id=export.id, at=timezone.now())
        page = desk.get(f"{PAGE}{export.id}/change/").content.decode()
        file = desk.get(f"{PAGE}{export.id}/files/report.pdf")
        assert waiting.status_code == 404
        assert f"{PAGE}{export.id}/files/audit-bundle.zip" in page
        assert file.getvalue().startswith(b"%PDF-")
        assert desk.get(f"{PAGE}{export.id}/files/secret").status_code == 404

    def test_shows_what_was_refused(self) -> None:
        _, desk = desk_of("auditor")

        unknown = desk.post(f"{PAGE}add/", form(about_id=str(uuid4())), follow=True)
        nothing = desk.post(f"{PAGE}add/", form(), follow=True)

        assert "There is no such report" in unknown.content.decode()
        assert "A report is about a render or a person by id" in nothing.content.decode()
        assert not Export.objects.exists()

    def test_keeps_reports_from_each_other(self) -> None:
        first, _ = desk_of("auditor")
        _, other = desk_of("auditor")
        export = make.asked(first, kind="person", about=first)

        assert other.get(f"{PAGE}{export.id}/change/").status_code == 302  # Nothing to show.
        assert other.get(f"{PAGE}{export.id}/files/report.pdf").status_code == 404

    @pytest.mark.parametrize("role", ["moderator", "support"])
    def test_is_closed_to_others(self, role: str) -> None:
        _, desk = desk_of(role)

        assert desk.get(f"{PAGE}add/").status_code == 403
        assert desk.get(PAGE).status_code == 403
