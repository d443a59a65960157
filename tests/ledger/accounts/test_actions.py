from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from knox.models import AuthToken

from ledger.accounts import actions, queries, tokens
from ledger.accounts.errors import (
    AccountNotFound,
    BirthDateImplausible,
    DisplayNameMalformed,
    EmailMalformed,
    EmailTaken,
    HandleMalformed,
    HandleTaken,
    PasswordWeak,
)
from ledger.accounts.models import Account, Block, Follow
from ledger.errors import CountersignError
from ledger.log.models import Record
from ledger.vault.models import SubjectKey
from tests.factories import accounts
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def _sign_up(**fields: Any) -> Account:
    given: dict[str, Any] = {
        "email": "Ada@Example.com",
        "password": PASSWORD,
        "handle": "ada",
        "display_name": "Ada",
        "born_on": date(1990, 1, 1),
        "at": NOON,
    }
    return actions.sign_up(**(given | fields))


class TestSignUp:
    def test_opens_an_account_with_a_key_and_an_entry(self) -> None:
        account = _sign_up()

        assert (account.email, account.state) == ("ada@example.com", "active")
        assert account.check_password(PASSWORD)
        assert SubjectKey.objects.filter(subject_id=account.id).exists()
        assert Record.objects.get(subject_id=account.id).row_ids == [account.id]

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"email": "nobody"}, EmailMalformed),
            ({"email": "a@" + "b" * 250 + ".com"}, EmailMalformed),
            ({"email": "ada@exa mple.com"}, EmailMalformed),
            ({"handle": "ad"}, HandleMalformed),
            ({"handle": "Ada"}, HandleMalformed),
            ({"handle": "ada\n"}, HandleMalformed),
            ({"handle": "\u0430da"}, HandleMalformed),  # A Cyrillic letter.
            ({"handle": "a" * 31}, HandleMalformed),
            ({"display_name": "a" * 61}, DisplayNameMalformed),
            ({"display_name": "Ada\u202egod"}, DisplayNameMalformed),
            ({"display_name": "Ada\x00"}, DisplayNameMalformed),
            ({"born_on": date(2026, 6, 2)}, BirthDateImplausible),
            ({"born_on": date(1890, 1, 1)}, BirthDateImplausible),
        ],
    )
    def test_refuses(self, fields: dict[str, Any], error: type[CountersignError]) -> None:
        with pytest.raises(error):
            _sign_up(**fields)

        assert not Account.objects.exists()

    @pytest.mark.parametrize(
        ("password", "reason"),
        [
            ("short", "password_too_short"),
            ("ada@example.com", "password_too_similar"),
            ("q1w2e3r4t5y6", "password_too_common"),
            ("x" * 1025, "password_too_long"),
        ],
    )
    def test_refuses_a_weak_password_with_the_reason(self, password: str, reason: str) -> None:
        with pytest.raises(PasswordWeak) as refused:
            _sign_up(password=password)

        assert reason in refused.value.members["reasons"]  # type: ignore[operator]  # A list.

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"email": "ADA@example.COM", "handle": "other"}, EmailTaken),
            ({"email": "other@example.com"}, HandleTaken),
        ],
    )
    def test_refuses_what_another_has(
        self, fields: dict[str, Any], error: type[CountersignError]
    ) -> None:
        _sign_up()

        with pytest.raises(error):
            _sign_up(**fields)

        assert Account.objects.count() == 1


class TestAge:
    @pytest.mark.parametrize(
        ("born_on", "is_minor"),
        [
            (date(2008, 6, 1), False),
            (date(2008, 6, 2), True),
            (date(2008, 2, 29), False),
            (None, False),
        ],
    )
    def test_is_that_of_the_day(self, born_on: date | None, is_minor: bool) -> None:
        assert Account(born_on=born_on).is_minor(at=NOON) is is_minor


class TestFind:
    def test_returns_an_account(self) -> None:
        account = accounts.account()

        assert queries.find(account_id=account.id) == account

    def test_does_not_find_one_that_is_closed(self) -> None:
        account = accounts.account(state="closed")

        with pytest.raises(AccountNotFound):
            queries.find(account_id=account.id)


class TestTokens:
    def test_are_kept_hashed_and_run_out(self) -> None:
        issued = tokens.issue(account=accounts.account(), at=NOON)

        row = AuthToken.objects.get()
        assert issued.token.startswith("cs_")
        assert issued.token not in (row.digest, row.token_key)
        assert issued.expires_at == row.expiry

    def test_end_with_the_oldest_when_there_are_too_many(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "TOKENS_MAX", 2)
        account = accounts.account()
        made = [tokens.issue(account=account, at=NOON) for _ in range(3)]

        left = set(AuthToken.objects.values_list("expiry", flat=True))

        assert left == {each.expires_at for each in made[1:]}

    def test_can_be_revoked_again(self) -> None:
        account = accounts.account()
        tokens.issue(account=account, at=NOON)
        row = AuthToken.objects.get()

        for _ in range(2):
            tokens.revoke(token=row, at=NOON)

        assert not AuthToken.objects.exists()
        assert Record.objects.filter(subject_id=account.id).count() == 2  # Issued, revoked.


class TestConstraints:
    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"handle": "Not Plain"}, "account_handle_is_plain"),
            ({"state": "odd"}, "account_state_is_known"),
        ],
    )
    def test_of_accounts(self, fields: dict[str, Any], constraint: str) -> None:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            accounts.account(**({"email": "x@example.com"} | fields))

    def test_nobody_follows_or_blocks_themselves(self) -> None:
        me = accounts.account()

        with pytest.raises(IntegrityError, match="follow_is_of_someone_else"), transaction.atomic():
            Follow.objects.create(follower=me, followed=me, created_at=NOON)
        with pytest.raises(IntegrityError, match="block_is_of_someone_else"), transaction.atomic():
            Block.objects.create(blocker=me, blocked=me, created_at=NOON)
