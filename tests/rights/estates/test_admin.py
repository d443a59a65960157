"""The admin of estates, as claimants and staff see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from rights.estates.models import Estate
from tests.factories import accounts
from tests.factories import rights as make

pytestmark = pytest.mark.django_db

LIST, ADD = "/admin/rights/estate/", "/admin/rights/estate/add/"
FORM = {
    "person_name": "Ione Vale",
    "born_on": "1931-02-03",
    "died_on": "2019-11-30",
    "domicile": "us-ca",
    "basis": "executor",
    "share_bps": "10000",
    "registered_on": "",
    "proof_of_death": "Certificate 2019-4411",
    "cameo": "",
}


def _change(row: Estate) -> str:
    return reverse("admin:rights_estate_change", args=[row.pk])


def _act(client: Client, action: str, *rows: Estate, **more: str) -> list[str]:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
    answer: Any = client.post(LIST, data, follow=True)
    return [str(each) for each in answer.context["messages"]]


class TestWhoSeesWhat:
    @pytest.mark.parametrize(
        ("role", "seen"),
        [
            ("administrator", 200), ("moderator", 200), ("auditor", 403), ("rights_holder", 403),
            ("support", 403),
        ],
    )  # fmt: skip
    def test_by_role(self, role: str, seen: int) -> None:
        made, client = make.claim(), make.desk(make.staff(role))

        assert [client.get(page).status_code for page in (LIST, _change(made))] == [seen, seen]

    def test_a_plain_account_and_a_stranger_are_sent_to_the_log_in(self) -> None:
        made = make.claim()

        for client in (make.desk(accounts.account()), Client()):
            for page in (LIST, ADD, _change(made)):
                assert "/admin/login/" in client.get(page)["Location"]

    def test_a_claimant_sees_only_its_own(self) -> None:
        mine, others = make.claim(make.staff("estate")), make.claim(person_name="Someone Else")
        client = make.desk(mine.claimant)

        listed = client.get(LIST).content.decode()

        assert ("Ione Vale" in listed, "Someone Else" in listed) == (True, False)
        assert client.get(_change(mine)).status_code == 200
        assert client.get(_change(others)).status_code == 302

    def test_the_term_says_why_and_by_which_law(self) -> None:
        made = make.claim()

        page = make.desk(make.staff("moderator")).get(_change(made)).content.decode()

        assert "2089-11-30" in page
        assert "California Civil Code" in page


class TestClaiming:
    @pytest.mark.django_db(transaction=True)  # Each use case in a transaction of its own.
    def test_staff_enter_a_claim_for_its_claimant(self) -> None:
        claimant = accounts.account()

        answer = make.desk(make.staff("moderator")).post(ADD, {**FORM, "claimant": claimant.id})

        assert (answer.status_code, answer["Location"]) == (302, LIST)
        made = Estate.objects.get()
        assert (made.claimant, made.domicile, made.state) == (claimant, "US-CA", "submitted")

    def test_a_claimant_claims_for_nobody_else(self) -> None:
        claimant, other = make.staff("estate"), accounts.account()

        make.desk(claimant).post(ADD, {**FORM, "claimant": str(other.id)})

        assert Estate.objects.get().claimant == claimant

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("person_name", ""),
            ("person_name", "???"),
            ("died_on", "2999-01-01"),
            ("died_on", "1900-01-01"),
            ("domicile", "California"),
            ("share_bps", "0"),
            ("share_bps", "10001"),
            ("basis", "friend"),
            ("claimant", ""),
            ("cameo", "00000000-0000-4000-8000-000000000001"),
        ],
    )
    def test_says_what_is_wrong(self, field: str, value: str) -> None:
        form = {**FORM, "claimant": str(accounts.account().id), field: value}

        answer = make.desk(make.staff("moderator")).post(ADD, form)

        assert (answer.status_code, Estate.objects.count()) == (200, 0)
        assert b"errorlist" in answer.content or b"error" in answer.content

    def test_refuses_a_second_claim_with_a_message(self) -> None:
        made = make.claim()
        form = {**FORM, "claimant": str(made.claimant_id)}

        answer: Any = make.desk(make.staff("moderator")).post(ADD, form, follow=True)

        said = [str(each) for each in answer.context["messages"]]
        assert said == ["This claimant has claimed this person already."]
        assert Estate.objects.count() == 1


class TestActions:
    def test_staff_accept_and_end_claims(self) -> None:
        first, second = make.claim(), make.claim()
        desk = make.desk(make.staff("moderator"))

        assert _act(desk, "verify", first) == ["Ione Vale is verified."]
        assert _act(desk, "verify", second) == ["Ione Vale is disputed."]
        assert _act(desk, "reject", first, reason="Forged.") == ["Ione Vale is ended."]

        second.refresh_from_db()
        assert second.state == "verified"

    def test_a_refusal_is_a_message(self) -> None:
        by = make.staff("administrator")
        made = make.claim(by)

        said = _act(make.desk(by), "verify", made)

        assert said == ["Ione Vale: Somebody without a claim on this person must decide this."]

    def test_are_not_for_claimants(self) -> None:
        made = make.claim(make.staff("estate"))

        _act(make.desk(made.claimant), "verify", made)

        made.refresh_from_db()
        assert made.state == "submitted"
