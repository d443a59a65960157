"""The admin of takedown cases, by role, and its decisions' effect on the file."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from ledger.consent import gates
from ledger.consent.errors import UseHeld, UseWithdrawn
from ledger.consent.models import Use
from ledger.log.models import StagedEntry
from rights.takedowns.models import StatementOfReasons, StayDown, TakedownCase
from tests.factories import accounts, consent
from tests.factories import rights as make

pytestmark = pytest.mark.django_db

LIST = "/admin/rights/takedowncase/"


@pytest.fixture
def use() -> Use:
    return consent.released(accounts.account(), consent.open_cameo())


@pytest.fixture
def case(use: Use) -> TakedownCase:
    return make.case(use).case


def _page(case: TakedownCase, name: str) -> str:
    return f"{LIST}{case.pk}/{name}/"


def _act(client: Client, action: str, *rows: TakedownCase) -> Any:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(LIST, data, follow=True)


def _said(answer: Any) -> list[str]:
    return [str(each) for each in answer.context["messages"]]


class TestWhoSeesWhat:
    @pytest.mark.parametrize(
        ("role", "seen", "decides", "opens"),
        [
            ("administrator", 200, 200, 200),
            ("moderator", 200, 200, 200),
            ("auditor", 200, 403, 403),
            ("rights_holder", 403, 403, 403),
            ("support", 403, 403, 403),
        ],
    )
    def test_by_role(
        self, case: TakedownCase, role: str, seen: int, decides: int, opens: int
    ) -> None:
        client = make.desk(make.staff(role))

        pages = (LIST, _page(case, "change"))
        assert [client.get(page).status_code for page in pages] == [seen, seen]
        for name in ("uphold", "reject"):
            assert client.get(_page(case, name)).status_code == decides
        assert client.get(_page(case, "notice")).status_code == opens

    def test_a_plain_account_and_a_stranger_are_sent_to_the_log_in(
        self, case: TakedownCase
    ) -> None:
        names = ("change", "uphold", "reject", "notice")
        for client in (make.desk(accounts.account()), Client()):
            for page in (LIST, *(_page(case, name) for name in names)):
                assert "/admin/login/" in client.get(page)["Location"]

    def test_an_estate_sees_only_its_own_and_decides_nothing(
        self, use: Use, case: TakedownCase
    ) -> None:
        estate = make.estate(make.staff("estate"))
        mine = make.case(use, regime="estate", by=estate.claimant, estate_id=estate.id).case
        client = make.desk(estate.claimant)

        listed = client.get(LIST).content.decode()

        assert (mine.reference in listed, case.reference in listed) == (True, False)
        assert client.get(_page(mine, "change")).status_code == 200
        assert client.get(_page(case, "change")).status_code == 302
        for name in ("uphold", "reject", "notice"):
            assert client.get(_page(mine, name)).status_code == 403

    def test_nobody_adds_edits_or_deletes(self, case: TakedownCase) -> None:
        client = make.desk(make.staff("administrator"))

        assert client.get(f"{LIST}add/").status_code == 403
        assert client.post(_page(case, "change"), {"state": "rejected"}).status_code == 403
        assert client.post(_page(case, "delete"), {"post": "yes"}).status_code == 403

    def test_the_page_shows_clocks_and_nothing_of_the_notice(self, case: TakedownCase) -> None:
        page = make.desk(make.staff("moderator")).get(_page(case, "change")).content.decode()

        assert "missed by" in page
        assert "Noor" not in page

    @pytest.mark.parametrize(
        ("role", "seen"), [("administrator", 200), ("moderator", 200), ("auditor", 200), ("support", 403)]
    )  # fmt: skip
    @pytest.mark.parametrize("model", ["statementofreasons", "staydown"])
    def test_reasons_and_stay_downs_are_read_only(
        self, case: TakedownCase, role: str, seen: int, model: str
    ) -> None:
        desk = make.desk(make.staff("administrator"))
        desk.post(_page(case, "uphold"), {"facts": "It is her."})
        is_reasons = model == "statementofreasons"
        row = StatementOfReasons.objects.get() if is_reasons else StayDown.objects.get()
        client = make.desk(make.staff(role))

        pages = (f"/admin/rights/{model}/", reverse(f"admin:rights_{model}_change", args=[row.pk]))
        assert [client.get(page).status_code for page in pages] == [seen, seen]
        assert client.get(f"/admin/rights/{model}/add/").status_code == 403


class TestNotice:
    def test_opens_on_the_second_click_only_and_leaves_an_entry(self, case: TakedownCase) -> None:
        desk = make.desk(make.staff("moderator"))
        before = {row.pk for row in StagedEntry.objects.all()}

        closed = desk.get(_page(case, "notice")).content.decode()
        assert {row.pk for row in StagedEntry.objects.all()} == before
        opened = desk.post(_page(case, "notice")).content.decode()

        assert ("noor@example.com" in closed, "noor@example.com" in opened) == (False, True)
        (entry,) = StagedEntry.objects.exclude(pk__in=before)
        assert json.loads(bytes(entry.data))["type"] == "takedown.notice-opened"

    def test_of_no_case_is_not_there(self) -> None:
        desk = make.desk(make.staff("moderator"))

        assert desk.post(f"{LIST}{uuid4()}/notice/").status_code == 404


class TestDeciding:
    @pytest.mark.django_db(transaction=True)  # Each use case in a transaction of its own.
    def test_hold_then_reject_with_reasons_restores(self, use: Use, case: TakedownCase) -> None:
        desk = make.desk(make.staff("moderator"))

        assert _said(_act(desk, "hold", case)) == [f"{case.reference} is held."]
        with pytest.raises(UseHeld):
            gates.show(use_id=use.id)
        asked = _act(desk, "reject", case)
        assert asked.redirect_chain[-1][0] == _page(case, "reject")
        answer: Any = desk.post(_page(case, "reject"), {"facts": "It is not."}, follow=True)

        assert _said(answer) == [f"{case.reference}: decided."]
        gates.show(use_id=use.id)
        assert StatementOfReasons.objects.get().decision_facts == "It is not."

    def test_uphold_withdraws(self, use: Use, case: TakedownCase) -> None:
        by = make.staff("moderator")

        make.desk(by).post(_page(case, "uphold"), {"facts": "It is her."})

        with pytest.raises(UseWithdrawn):
            gates.show(use_id=use.id)
        case.refresh_from_db()
        assert (case.state, case.decided_by) == ("upheld", by)

    @pytest.mark.parametrize("facts", ["", " ", "x" * 5001])
    def test_needs_reasons(self, case: TakedownCase, facts: str) -> None:
        answer = make.desk(make.staff("moderator")).post(_page(case, "uphold"), {"facts": facts})

        case.refresh_from_db()
        assert (answer.status_code, case.state) == (200, "received")

    def test_is_one_case_at_a_time(self, use: Use, case: TakedownCase) -> None:
        answer = _act(make.desk(make.staff("moderator")), "uphold", case, make.case(use).case)

        assert _said(answer) == ["Decide one case at a time."]

    def test_twice_is_a_message(self, use: Use, case: TakedownCase) -> None:
        desk = make.desk(make.staff("moderator"))
        desk.post(_page(case, "uphold"), {"facts": "It is her."}, follow=True)
        again: Any = desk.post(_page(case, "reject"), {"facts": "Or not."}, follow=True)
        held: Any = _act(desk, "hold", case)

        for answer in (again, held):
            assert _said(answer) == [f"{case.reference}: The case was decided already."]

    def test_of_no_case_is_not_there(self) -> None:
        desk = make.desk(make.staff("moderator"))

        assert desk.get(f"{LIST}{uuid4()}/uphold/").status_code == 404
