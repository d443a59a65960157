"""Rights holders, opt-outs, estates and takedown cases for tests, made by the real actions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client

from ledger.accounts import roles
from ledger.accounts.models import Account
from ledger.consent.models import Use
from ledger.db import use_case
from rights.estates import actions as estates
from rights.estates.models import Estate
from rights.optouts import actions as opt_outs
from rights.optouts.models import OptOut, RightsHolder
from rights.takedowns import actions as takedowns
from rights.takedowns.actions import Submitted
from rights.takedowns.rules import Regime
from tests.factories import accounts

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@use_case
def provide_roles() -> None:
    """Make the groups of every role."""
    roles.provide()


def staff(role: str) -> Account:
    """Return an account of a role, for the admin; `administrator` may do everything."""
    if role == "administrator":
        return accounts.account(is_staff=True, is_superuser=True)
    if not Group.objects.filter(name=role).exists():
        provide_roles()
    account = accounts.account(is_staff=True)
    account.groups.add(Group.objects.get(name=role))
    return account


def desk(account: Account) -> Client:
    """Return a browser that is signed in as the account."""
    client = Client()
    client.force_login(account)
    return client


def holder(account: Account | None = None, *, is_verified: bool = True) -> RightsHolder:
    """Return a rights holder, verified by a moderator unless told."""
    made = opt_outs.register_holder(
        account=account or staff("rights_holder"),
        name="Zorblax Pictures",
        contact_email="rights@example.com",
        agent_name="R. Agent",
        authority_text="I act with written authority.",
        authority_declared_on=date(2026, 1, 5),
        at=NOON,
    )
    if is_verified:
        opt_outs.verify_holder(holder_id=made.id, by=staff("moderator"), at=NOON)
        made.refresh_from_db()
    return made


def opt_out(of: RightsHolder | None = None, *, title: str = "Zorblax", **fields: Any) -> OptOut:
    """Return an opt-out that was just filed, for generation everywhere unless told."""
    defaults: dict[str, Any] = {
        "kind": "work",
        "aliases": [],
        "scopes": ["generation"],
        "territories": [],
        "starts_at": NOON,
        "ends_at": None,
        "at": NOON,
    }
    return opt_outs.file(holder=of or holder(), title=title, **(defaults | fields))


def moved(made: OptOut, *states: str, by: Account | None = None, at: datetime = NOON) -> OptOut:
    """Move an opt-out through states, by a moderator unless told."""
    by = by or staff("moderator")
    for to in states:
        made = opt_outs.move(opt_out_id=made.id, to=to, by=by, reason="test", at=at)
    return made


def active(of: RightsHolder | None = None, **fields: Any) -> OptOut:
    """Return an opt-out that stops."""
    return moved(opt_out(of, **fields), "verified", "active")


def claim(claimant: Account | None = None, **fields: Any) -> Estate:
    """Return a claim on Ione Vale's estate that was just filed."""
    defaults: dict[str, Any] = {
        "person_name": "Ione Vale",
        "born_on": date(1931, 2, 3),
        "died_on": date(2019, 11, 30),
        "domicile": "US-CA",
        "basis": "executor",
        "share_bps": 10_000,
        "registered_on": None,
        "proof_of_death": "Certificate 2019-4411",
        "cameo": None,
        "at": NOON,
    }
    return estates.claim(claimant=claimant or accounts.account(), **(defaults | fields))


def estate(claimant: Account | None = None, **fields: Any) -> Estate:
    """Return a claim that staff accepted."""
    made = claim(claimant, **fields)
    return estates.verify(estate_id=made.id, by=accounts.account(), at=NOON)


NOTICE: dict[str, object] = {
    "contact_name": "Noor Notifier",
    "contact_email": "noor@example.com",
    "statement": "That is me, dancing, and I never agreed.",
    "signature": "Noor Notifier",
    "good_faith": True,
    "accuracy": True,
    "no_consent": True,
}


def case(use: Use, *, regime: str = "likeness", **fields: Any) -> Submitted:
    """Return a case about a use, given by nobody in particular, with a whole notice unless told."""
    defaults: dict[str, Any] = {
        "target": f"https://countersign.example/renders/{use.pk}",
        "notice": NOTICE,
        "country": "US",
        "by": None,
        "estate_id": None,
        "at": NOON,
    }
    return takedowns.submit(regime=Regime(regime), **(defaults | fields))
