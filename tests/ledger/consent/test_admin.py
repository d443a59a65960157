from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from ledger.accounts.models import Account
from tests.factories import accounts, consent

pytestmark = pytest.mark.django_db
PAGES = {
    "account": "view_account",
    "guardianship": "view_guardianship",
    "grant": "view_grant",
    "use": "view_use",
    "decision": "view_decision",
    "hold": "view_hold",
}


def _staff(*codenames: str) -> Client:
    staff = accounts.account(is_staff=True)
    staff.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(staff)
    return client


def _suspend(client: Client, account: Account, action: str = "suspend") -> None:
    body = {"action": action, "_selected_action": [str(account.id)]}
    client.post("/admin/ledger/account/", body)
    account.refresh_from_db()


class TestPages:
    @pytest.mark.parametrize(("page", "permission"), PAGES.items())
    def test_are_for_those_with_the_permission(self, page: str, permission: str) -> None:
        consent.requested(accounts.account(), consent.open_cameo())

        allowed = _staff(permission).get(f"/admin/ledger/{page}/").status_code
        refused = _staff().get(f"/admin/ledger/{page}/").status_code

        assert (allowed, refused) == (200, 403)

    @pytest.mark.parametrize("page", PAGES)
    def test_add_nothing(self, page: str) -> None:
        client = _staff(*PAGES.values(), f"add_{page}", f"change_{page}")

        assert client.get(f"/admin/ledger/{page}/add/").status_code == 403

    def test_show_a_use_without_its_words(self) -> None:
        use = consent.requested(accounts.account(), consent.open_cameo(), texts=["a secret plan"])

        page = _staff("view_use").get(f"/admin/ledger/use/{use.id}/change/")

        assert page.status_code == 200
        assert b"secret" not in page.content

    def test_show_a_grant_with_its_revocation(self) -> None:
        cameo = consent.open_cameo()
        grant = consent.grant(cameo, accounts.account())

        page = _staff("view_grant").get(f"/admin/ledger/grant/{grant.id}/change/")

        assert page.status_code == 200


class TestSuspend:
    def test_needs_its_own_permission(self) -> None:
        account = accounts.account()

        _suspend(_staff("view_account"), account)
        before = account.state
        _suspend(_staff("view_account", "suspend_account"), account)

        assert (before, account.state) == ("active", "suspended")

    def test_is_undone(self) -> None:
        account = accounts.account()
        client = _staff("view_account", "suspend_account")

        _suspend(client, account)
        _suspend(client, account, "reinstate")

        assert account.state == "active"
