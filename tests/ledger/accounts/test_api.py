from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from knox.models import AuthToken
from rest_framework.test import APIClient

from ledger.accounts.models import Account
from ledger.http.models import IdempotencyRecord
from tests.factories import accounts
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
NEW = {
    "email": "ada@example.com",
    "password": PASSWORD,
    "handle": "ada",
    "display_name": "Ada",
    "born_on": "1990-01-01",
}


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def _basic(email: str, password: str) -> dict[str, Any]:
    credentials = base64.b64encode(f"{email}:{password}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {credentials}"}


class TestAccounts:
    def test_opens_one_and_shows_it_to_its_owner(self) -> None:
        answer = APIClient().post(f"{V1}/accounts", NEW)

        assert answer.status_code == 201
        assert answer.data["email"] == "ada@example.com"
        assert (answer.data["is_minor"], answer.data["state"]) == (False, "active")
        assert "password" not in answer.data

    def test_repeats_its_answer_under_the_same_key(self) -> None:
        client = APIClient()
        first = client.post(f"{V1}/accounts", NEW, HTTP_IDEMPOTENCY_KEY="k")

        again = client.post(f"{V1}/accounts", NEW, HTTP_IDEMPOTENCY_KEY="k")

        assert (again.status_code, again.data["id"]) == (201, first.data["id"])
        assert PASSWORD not in str(IdempotencyRecord.objects.get().body)

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"born_on": None}, 400, "invalid-input"),
            ({"born_on": "yesterday"}, 400, "invalid-input"),
            ({"email": "x"}, 422, "account-email-malformed"),
            ({"handle": "Not plain"}, 422, "account-handle-malformed"),
            ({"password": "12345"}, 422, "account-password-weak"),
            ({"display_name": "x" * 1000}, 400, "invalid-input"),
        ],
    )
    def test_refuses_bad_input(self, change: dict[str, Any], status: int, code: str) -> None:
        answer = APIClient().post(f"{V1}/accounts", NEW | change)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer["Content-Type"] == "application/problem+json"

    def test_refuses_an_email_that_is_taken(self) -> None:
        accounts.account(email="ada@example.com")

        answer = APIClient().post(f"{V1}/accounts", NEW)

        assert (answer.status_code, answer.json()["code"]) == (409, "account-email-taken")


class TestAccount:
    def test_shows_others_no_email_and_no_birth_date(self) -> None:
        other = accounts.account(display_name="Ben")

        answer = accounts.client_of(accounts.account()).get(f"{V1}/accounts/{other.id}")

        assert answer.json() == {
            "id": str(other.id),
            "handle": other.handle,
            "display_name": "Ben",
        }

    def test_shows_oneself_more(self) -> None:
        me = accounts.minor()

        answer = accounts.client_of(me).get(f"{V1}/accounts/me")

        assert (answer.json()["email"], answer.json()["is_minor"]) == (me.email, True)

    def test_is_not_there(self) -> None:
        answer = accounts.client_of(accounts.account()).get(f"{V1}/accounts/{uuid4()}")

        assert (answer.status_code, answer.json()["code"]) == (404, "account-not-found")

    @pytest.mark.parametrize("path", ["accounts/me", f"accounts/{UUID(int=1)}"])
    def test_asks_who_is_calling(self, path: str) -> None:
        assert APIClient().get(f"{V1}/{path}").status_code == 401


class TestTokens:
    @pytest.fixture
    def account(self) -> Account:
        return accounts.account(email="ada@example.com", password=PASSWORD)

    def test_opens_doors_until_it_is_ended(self, account: Account) -> None:
        signed_in = APIClient().post(f"{V1}/tokens", **_basic("Ada@example.com", PASSWORD))
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {signed_in.data['token']}")

        open_door = client.get(f"{V1}/accounts/me")
        ended = client.delete(f"{V1}/tokens/current")
        closed_door = client.get(f"{V1}/accounts/me")

        assert signed_in.status_code == 201
        assert signed_in["Cache-Control"] == "no-store"
        assert open_door.json()["id"] == str(account.id)
        assert (ended.status_code, closed_door.status_code) == (204, 401)

    @pytest.mark.parametrize(
        "header",
        [
            {},
            _basic("ada@example.com", "wrong"),
            _basic("nobody@example.com", PASSWORD),
            {"HTTP_AUTHORIZATION": "Basic"},
            {"HTTP_AUTHORIZATION": "Basic ===="},
            {"HTTP_AUTHORIZATION": "Basic /////w=="},
            {"HTTP_AUTHORIZATION": "Basic a b c"},
        ],
    )
    def test_is_refused_alike_whatever_was_wrong(
        self, account: Account, header: dict[str, Any]
    ) -> None:
        answer = APIClient().post(f"{V1}/tokens", **header)

        assert (answer.status_code, answer.json()["code"]) == (401, "not-authenticated")
        assert answer["WWW-Authenticate"].startswith("Basic")
        assert not AuthToken.objects.exists()

    @pytest.mark.parametrize(
        "value", ["Bearer", "Bearer x y", "Bearer cs_unknown", "Bearer \xff\xfe", "Digest x"]
    )
    def test_that_is_none_opens_nothing(self, value: str) -> None:
        answer = APIClient(HTTP_AUTHORIZATION=value).get(f"{V1}/accounts/me")

        assert answer.status_code == 401

    def test_of_an_inactive_account_opens_nothing(self, account: Account) -> None:
        signed_in = APIClient().post(f"{V1}/tokens", **_basic("ada@example.com", PASSWORD))
        Account.objects.filter(id=account.id).update(is_active=False)

        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {signed_in.data['token']}")

        assert client.get(f"{V1}/accounts/me").status_code == 401

    def test_guessing_is_slowed_down_also_when_every_guess_is_wrong(self, account: Account) -> None:
        client = APIClient()
        tried = [
            client.post(f"{V1}/tokens", **_basic("ada@example.com", "")).status_code
            for _ in range(21)
        ]

        right_too_late = client.post(f"{V1}/tokens", **_basic("ada@example.com", PASSWORD))
        another = client.post(f"{V1}/tokens", **_basic("ben@example.com", "x"))

        assert tried == [401] * 20 + [429]
        assert right_too_late.status_code == 429
        assert another.status_code == 401
