"""Looking up accounts."""

from __future__ import annotations

from uuid import UUID

from ledger.accounts.errors import AccountNotFound
from ledger.accounts.models import Account


def find(*, account_id: UUID) -> Account:
    """Return an account.

    Raises:
        AccountNotFound: there is none, or it is closed: these look alike.
    """
    account = Account.objects.filter(id=account_id).exclude(state=Account.State.CLOSED).first()
    if account is None:
        raise AccountNotFound(account_id=account_id)
    return account
