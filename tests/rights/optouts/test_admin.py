"""The admin of opt-outs, as holders and staff see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ledger.accounts.models import Account
from ledger.log.models import StagedEntry
from rights.optouts.models import OptOut, RightsHolder
from tests.factories import accounts, consent
from tests.factories import rights as make

pytestmark = pytest.mark.django_db

FORM = {
    "kind": "work",
    "title": "Zorblax",
    "aliases_text": "Captain Zorblax\n\n Zorblax the Third ",
    "scopes": ["generation", "cameo"],
    "territories_text": "us ca",
    "starts_at_0": "2026-01-01",
    "starts_at_1": "00:00:00",
    "ends_at_0": "",
    "ends_at_1": "",
}
HOLDER_FORM = {
    "name": "Zorblax Pictures",
    "contact_email": "rights@example.com",
    "agent_name": "R. Agent",
    "authority_text": "I act with written authority.",
    "authority_declared_on": "2026-01-05",
}
LIST, ADD = "/admin/rights/optout/", "/admin/rights/optout/add/"
HOLDERS = "/admin/rights/rightsholder/"


def _change(row: Any) -> str:
    return reverse(f"admin:rights_{row._meta.model_name}_change", args=[row.pk])


def _act(client: Client, where: str, action: str, *rows: Any, **more: str) -> Any:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
    return client.post(where, data, follow=True)


def _messages(answer: Any) -> list[str]:
    return [str(each) for each in answer.context["messages"]]


class TestWhoSeesWhat:
    @pytest.mark.parametrize(
        ("role", "seen"),
        [
            ("administrator", 200),
            ("moderator", 200),
            ("auditor", 403),
            ("support", 403),
            ("estate", 403),
        ],
    )
    @pytest.mark.parametrize("where", [LIST, HOLDERS])
    def test_by_role(self, role: str, seen: int, where: str) -> None:
        made = make.opt_out()
        client = make.desk(make.staff(role))

        row = made if where == LIST else made.holder
        pages = (where, _change(row))
        assert [client.get(page).status_code for page in pages] == [seen, seen]

    def test_a_plain_account_and_a_stranger_are_sent_to_the_log_in(self) -> None:
        made = make.opt_out()

        for client in (make.desk(accounts.account()), Client()):
            for page in (LIST, ADD, _change(made), HOLDERS, _change(made.holder)):
                answer = client.get(page)
                assert (answer.status_code, "/admin/login/" in answer["Location"]) == (302, True)

    def test_a_holder_sees_only_its_own(self) -> None:
        mine, others = make.opt_out(title="Mine"), make.opt_out(title="Others")
        client = make.desk(mine.holder.account)

        listed = client.get(LIST).content.decode()

        assert ("Mine" in listed, "Others" in listed) == (True, False)
        assert client.get(_change(mine)).status_code == 200
        assert client.get(_change(others)).status_code == 302  # As if it were not there.
        assert client.get(_change(others.holder)).status_code == 302
        assert client.get(_change(mine.holder)).status_code == 200

    def test_a_holder_is_told_how_much_was_stopped_and_not_what(self) -> None:
        made = make.active()
        consent.ask(accounts.account(), consent.open_cameo(), texts=["Zorblax eats Mary"])

        page = make.desk(made.holder.account).get(_change(made)).content.decode()

        assert "Decisions it stopped" in page
        assert "Mary" not in page

    def test_nobody_edits_or_deletes_what_was_filed(self) -> None:
        made = make.opt_out()
        client = make.desk(make.staff("administrator"))

        client.post(_change(made), {**FORM, "title": "Another"})
        client.post(f"{LIST}{made.pk}/delete/", {"post": "yes"})

        made.refresh_from_db()
        assert made.title == "Zorblax"
        assert b'name="_save"' not in client.get(_change(made)).content


class TestFiling:
    @pytest.fixture
    def holder(self) -> RightsHolder:
        return make.holder()

    @pytest.mark.django_db(transaction=True)  # Each use case in a transaction of its own.
    def test_files_for_the_holder_who_is_signed_in(self, holder: RightsHolder) -> None:
        answer = make.desk(holder.account).post(ADD, FORM)

        assert (answer.status_code, answer["Location"]) == (302, LIST)
        made = OptOut.objects.get()
        assert (made.holder, made.state, made.territories) == (holder, "submitted", ["US", "CA"])
        assert made.aliases.filter(alias="Zorblax the Third").exists()

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("title", "", "required"),
            ("title", "!!!", "at least two letters"),
            ("aliases_text", "x", "at least two letters"),
            ("aliases_text", "\n".join(f"name {n}" for n in range(201)), "at most 200"),
            ("scopes", [], "required"),
            ("scopes", ["everything"], "valid choice"),
            ("kind", "thing", "valid choice"),
            ("territories_text", "USA", "two-letter"),
            ("starts_at_0", "yesterday", "valid date"),
            ("ends_at_0", "2025-01-01", ""),
        ],
    )
    def test_says_what_is_wrong(
        self, holder: RightsHolder, field: str, value: object, words: str
    ) -> None:
        form = {**FORM, field: value}
        if field == "ends_at_0":
            form["ends_at_1"] = "00:00:00"
        answer = make.desk(holder.account).post(ADD, form)

        assert (answer.status_code, OptOut.objects.count()) == (200, 0)
        assert words in answer.content.decode()

    @pytest.mark.parametrize("role", ["moderator", "administrator", "rights_holder"])
    def test_is_for_registered_holders(self, role: str) -> None:
        assert make.desk(make.staff(role)).get(ADD).status_code == 403

    def test_is_not_for_suspended_holders(self, holder: RightsHolder) -> None:
        desk = make.desk(make.staff("moderator"))
        _act(desk, HOLDERS, "suspend", holder)

        assert make.desk(holder.account).post(ADD, FORM).status_code == 403


class TestRegistering:
    def test_is_done_by_staff_and_verified_by_an_action(self) -> None:
        account, desk = make.staff("rights_holder"), make.desk(make.staff("moderator"))

        added = desk.post(f"{HOLDERS}add/", {**HOLDER_FORM, "account": str(account.id)})
        made = RightsHolder.objects.get()
        acted = _act(desk, HOLDERS, "verify", made)

        assert (added.status_code, made.account) == (302, account)
        assert _messages(acted)[-1] == "Zorblax Pictures is verified."
        again = _act(desk, HOLDERS, "verify", made)
        assert "state does not allow" in _messages(again)[-1]

    def test_says_what_is_wrong(self) -> None:
        desk, taken = make.desk(make.staff("moderator")), make.holder()

        for wrong in ({"account": str(taken.account_id)}, {"account": ""}, {"contact_email": "x"}):
            form = {**HOLDER_FORM, "account": str(accounts.account().id), **wrong}
            assert desk.post(f"{HOLDERS}add/", form).status_code == 200
        assert RightsHolder.objects.count() == 1

    def test_is_not_for_holders(self) -> None:
        assert make.desk(make.holder().account).get(f"{HOLDERS}add/").status_code == 403


class TestActions:
    def _move(self, by: Account, action: str, *rows: OptOut, **more: str) -> list[str]:
        return _messages(_act(make.desk(by), LIST, action, *rows, **more))

    def test_staff_verify_activate_and_contest_with_a_reason(self) -> None:
        made, by = make.opt_out(), make.staff("moderator")

        for action in ("mark_verified", "activate"):
            self._move(by, action, made)
        said = self._move(by, "contest", made, reason="A fan says otherwise.")

        made.refresh_from_db()
        assert said == ["Zorblax is contested."]
        assert (made.state, made.state_reason) == ("contested", "A fan says otherwise.")

    def test_a_refusal_is_a_message_and_the_others_go_on(self) -> None:
        made, other = make.opt_out(), make.moved(make.opt_out(title="Quux"), "verified")

        said = self._move(make.staff("moderator"), "activate", made, other)

        assert sorted(said) == [
            "Quux is active.",
            "Zorblax: The opt-out cannot go from its present state to that one.",
        ]

    def test_a_holder_withdraws_its_own_and_does_nothing_else(self) -> None:
        made, others = make.opt_out(), make.opt_out(title="Others")
        by = made.holder.account

        refused = self._move(by, "mark_verified", made)
        self._move(by, "withdraw", made, others)

        made.refresh_from_db()
        others.refresh_from_db()
        assert refused == ["Zorblax: Somebody else must verify this."]
        assert (made.state, others.state) == ("withdrawn", "submitted")

    def test_leave_an_entry_each(self) -> None:
        made, by = make.opt_out(), make.staff("moderator")
        before = StagedEntry.objects.count()

        self._move(by, "mark_verified", made)

        assert StagedEntry.objects.count() == before + 1
