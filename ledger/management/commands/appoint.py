"""Make an account for somebody who works in the admin, or give one more role to it."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.accounts.models import Account
from ledger.accounts.roles import ROLES
from ledger.db import use_case
from ledger.log import actions as log


class Command(BaseCommand):
    help = "Appoint accounts to roles. The password of new ones is read from APPOINT_PASSWORD."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "appointments",
            nargs="+",
            metavar="ROLE:HANDLE:EMAIL",
            help=f"roles: administrator, {', '.join(ROLES)}",
        )

    def handle(self, *, appointments: Sequence[str], **_options: Any) -> None:
        """Make an account when it is missing; a role that it has already is left alone."""
        password = os.environ.get("APPOINT_PASSWORD")
        for appointment in appointments:
            role, handle, email = _parts(appointment)
            if not password and not Account.objects.filter(email=email).exists():
                raise CommandError(f"set APPOINT_PASSWORD: {handle} has no account yet")
            account = appoint(email=email, handle=handle, role=role, password=password)
            self.stdout.write(f"{account} is {role}")


def _parts(appointment: str) -> tuple[str, str, str]:
    role, _, rest = appointment.partition(":")
    handle, _, email = rest.partition(":")
    if role not in (*ROLES, "administrator") or not handle or "@" not in email:
        raise CommandError(f"not ROLE:HANDLE:EMAIL: {appointment}")
    return role, handle, email.casefold()


@use_case
def appoint(*, email: str, handle: str, role: str, password: str | None) -> Account:
    """Make the account if needed and give it the role, with an entry in the log."""
    account = Account.objects.filter(email=email).first()
    if account is None:
        account = Account.objects.create_user(email=email, password=password, handle=handle)
    account.is_staff = True
    if role == "administrator":
        account.is_superuser = True
    else:
        account.groups.add(Group.objects.get(name=role))
    account.save(update_fields=["is_staff", "is_superuser"])
    log.stage(
        type="account.appointed",
        at=timezone.now(),
        subject_id=account.id,
        rows=[account],
        details={"role": role},
    )
    return account
