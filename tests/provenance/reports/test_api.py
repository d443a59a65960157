from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone

from provenance.reports import actions as reports
from provenance.reports.models import Export
from tests.factories import accounts, renders
from tests.factories import reports as make
from tests.factories.accounts import client_of

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/reports"


def post(by: Any, body: dict[str, Any], key: str = "k") -> Any:
    cache.clear()
    return client_of(by).post(ADDRESS, body, headers={"Idempotency-Key": key})


class TestReports:
    def test_asks_once_for_a_key(self) -> None:
        person = accounts.account()
        body = {"kind": "person", "about_id": str(person.id)}

        answers = [post(person, body) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        assert (answers[0].json()["state"], answers[0].json()["is_redacted"]) == ("queued", False)
        assert Export.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({}, 400, "invalid-input"),
            ({"kind": "everything"}, 400, "invalid-input"),
            ({"kind": "person", "about_id": "x"}, 400, "invalid-input"),
            ({"kind": "person"}, 422, "report-unusable"),
            ({"kind": "person", "about_id": str(uuid4())}, 404, "report-not-found"),
        ],
    )
    def test_says_what_is_wrong(self, body: dict[str, Any], status: int, code: str) -> None:
        answer = post(accounts.account(), body)

        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_lists_ones_own_newest_first(self) -> None:
        person, other = accounts.account(), accounts.account()
        ids = [str(make.asked(person, kind="person", about=person).id) for _ in range(2)]
        make.asked(other, kind="person", about=other)

        found = client_of(person).get(ADDRESS).json()["results"]

        assert [row["id"] for row in found] == ids[::-1]


class TestFiles:
    def test_are_not_there_before_it_is_done(self) -> None:
        person = accounts.account()
        export = make.asked(person, kind="person", about=person)

        answer = client_of(person).get(f"{ADDRESS}/{export.id}/report.pdf")

        assert (answer.status_code, answer.json()["code"]) == (409, "report-not-ready")

    def test_say_why_there_are_none(self) -> None:
        person = accounts.account()
        export = make.asked(person, kind="person", about=person)
        reports.fail(report_id=export.id, code="report-too-large", at=timezone.now())

        found = client_of(person).get(f"{ADDRESS}/{export.id}").json()

        assert (found["state"], found["failure_code"]) == ("failed", "report-too-large")

    @pytest.mark.django_db(transaction=True)
    def test_are_handed_to_whoever_asked_and_nobody_else(self) -> None:
        person = renders.person()
        export = make.built(person, kind="person", about=person)
        client = client_of(person)

        for name, content_type in reports.FILES.items():
            answer = client.get(f"{ADDRESS}/{export.id}/{name}")
            body = answer.getvalue()
            assert (answer.status_code, answer["Content-Type"]) == (200, content_type)
            assert answer["Cache-Control"] == "private, no-store"
            assert f'filename="{name}"' in answer["Content-Disposition"]
            assert body == make.file_of(export, name).read_bytes()
            for other in (accounts.account(), make.auditor(has_cause=True)):
                refused = client_of(other).get(f"{ADDRESS}/{export.id}/{name}")
                assert refused.json()["code"] == "report-not-found"
        assert json.loads(make.file_of(export, "report.json").read_text())["renders"] == []

    @pytest.mark.django_db(transaction=True)
    def test_are_kept_from_an_auditor_who_is_none_any_more(self) -> None:
        auditor = make.auditor(has_cause=True)
        export = make.built(auditor, kind="person", about=accounts.account())
        auditor.user_permissions.clear()

        answer = client_of(auditor).get(f"{ADDRESS}/{export.id}/report.json")

        assert (answer.status_code, answer.json()["code"]) == (403, "report-standing-lost")

    @pytest.mark.parametrize("name", ["report.exe", "..", "%2e%2e%2freport.pdf", "report.pdf%00"])
    def test_have_no_other_names(self, name: str) -> None:
        person = accounts.account()
        export = make.asked(person, kind="person", about=person)

        answer = client_of(person).get(f"{ADDRESS}/{export.id}/{name}")

        assert answer.status_code == 404
