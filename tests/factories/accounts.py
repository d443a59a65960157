"""Accounts for tests, and their callers."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

from rest_framework.test import APIClient

from ledger.accounts.models import Account

PASSWORD = "correct horse battery staple"  # Of every account that a test gives one.
ADULT = date(1990, 1, 1)
MINOR = date(2012, 1, 1)  # Under 18 until 2030.

_numbers = itertools.count(1)


def account(**fields: Any) -> Account:
    """Return a saved account; an adult's without a password unless told."""
    handle = fields.pop("handle", f"person_{next(_numbers)}")
    defaults: dict[str, Any] = {
        "email": f"{handle}@example.com",
        "born_on": ADULT,
        "password": None,
    }
    return Account.objects.create_user(**(defaults | fields), handle=handle)


def minor(**fields: Any) -> Account:
    """Return a saved account of somebody under 18."""
    return account(born_on=MINOR, **fields)


def client_of(caller: Account | None) -> APIClient:
    """Return an API client that is signed in as `caller`, or as nobody."""
    client = APIClient()
    if caller is not None:
        client.force_authenticate(caller)
    return client
