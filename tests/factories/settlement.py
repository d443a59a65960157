"""Licences, payees and the stand-in for Stripe, for tests. Everything is made by the real actions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from django.db import transaction
from django.utils import timezone

from ledger.accounts.models import Account
from ledger.consent.models import Use
from ledger.consent.rules import FeeDue
from ledger.log.models import StagedEntry
from rights.licences import actions as licences
from rights.licences.models import Licence
from rights.settlement import payees, payments
from rights.settlement.models import PayeeAccount
from rights.settlement.stand_in import server
from rights.settlement.stripe_gateway import SdkStripe
from tests.factories import accounts, cameos

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEBHOOK_SECRET = "whsec_of_tests"


def use(requester: Account | None = None, **fields: Any) -> Use:
    """Return a saved use, requested unless told."""
    at = fields.pop("at", None) or timezone.now()
    defaults = {
        "purpose": "commercial",
        "seconds": Decimal(10),
        "state": Use.State.REQUESTED,
        "state_at": at,
        "created_at": at,
    }
    return Use.objects.create(requester=requester or accounts.account(), **(defaults | fields))


def payee(account: Account | None = None, *, state: str = "active", **fields: Any) -> PayeeAccount:
    """Return a payee as a row, which Stripe knows nothing of."""
    defaults = {
        "country": "US",
        "stripe_id": f"acct_{uuid.uuid4().hex[:16]}",
        "state": state,
        "state_at": NOON,
        "created_at": NOON,
    }
    return PayeeAccount.objects.create(account=account or accounts.account(), **(defaults | fields))


def onboarded(stripe: SdkStripe, account: Account | None = None) -> Account:
    """Return a person whom the stand-in can pay."""
    account = account or accounts.account()
    payees.onboard(
        account=account,
        country="US",
        return_url="http://127.0.0.1/",
        stripe=stripe,
        at=timezone.now(),
    )
    return account


def fee(owner: Account, amount_minor: int = 1_000, currency: str = "usd") -> FeeDue:
    """Return what the owner of a new cameo asks."""
    return FeeDue(cameos.cameo(owner).id, owner.id, amount_minor, currency)


def quoted(
    fees: Sequence[FeeDue] = (), *, buyer: Account | None = None, at: datetime | None = None
) -> Licence:
    """Return a quoted licence of a new use; of one payee who can be paid, unless told."""
    at = at or timezone.now()
    wanted = use(buyer, at=at)
    with transaction.atomic():
        return licences.quote(
            use_id=wanted.id,
            buyer=wanted.requester,
            purpose=wanted.purpose,
            lines=fees or [fee(payee().account)],
            at=at,
        )


def authorised(stripe: SdkStripe, fees: Sequence[FeeDue] = ()) -> Licence:
    """Return a licence whose money the stand-in holds."""
    licence = quoted(fees or [fee(onboarded(stripe))])
    return payments.authorise(
        licence_id=licence.id,
        buyer_id=licence.buyer_id,
        payment_method="pm_card_visa",
        stripe=stripe,
        at=timezone.now(),
    )


def released(licence: Licence) -> Licence:
    """Do what a release does to a licence: decide to take its money."""
    with transaction.atomic():
        licences.intend_capture(use_id=licence.use_id, at=timezone.now())
    licence.refresh_from_db()
    return licence


def captured(stripe: SdkStripe, fees: Sequence[FeeDue] = ()) -> Licence:
    """Return a licence whose money was taken, and nobody paid yet."""
    licence = released(authorised(stripe, fees))
    payments.capture(licence_id=licence.id, stripe=stripe, at=timezone.now())
    licence.refresh_from_db()
    return licence


def gateway(base_url: str, *, retries_max: int = 0, timeout_s: float = 5) -> SdkStripe:
    """Return the real gateway, pointed at a stand-in; it tries once, so that faults are seen."""
    return SdkStripe(
        api_key="sk_test_standin", api_base=base_url, timeout_s=timeout_s, retries_max=retries_max
    )


class World:
    """A running stand-in, and what only Stripe itself could do to it."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.stripe = gateway(base_url)

    def fault(self, kind: str, **fields: Any) -> None:
        """Make the next matching requests fail: `path`, `ends`, `method`, `times`, `seconds`."""
        self._control("POST", "faults", {"kind": kind, **fields})

    def payee(self, stripe_id: str, **fields: Any) -> None:
        """Change a payee's `status` or `balances`."""
        self._control("POST", f"payees/{stripe_id}", fields)

    def settings(self, **fields: Any) -> None:
        self._control("POST", "settings", fields)

    def advance(self, seconds: float) -> None:
        """Move the stand-in's clock ahead; authorisations lapse."""
        self._control("POST", "clock", {"seconds": seconds})

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Return every object of a kind, newest first."""
        found: list[dict[str, Any]] = self._control("GET", f"objects/{kind}", None)["data"]
        return found

    def health(self) -> dict[str, Any]:
        """Return how the stand-in is: `deliveries` counts the webhooks that it still owes."""
        return self._control("GET", "health", None)

    def post(self, path: str, **form: str) -> requests.Response:
        """Do something by hand, as from Stripe's dashboard."""
        return requests.post(
            self.base_url + path,
            data=form,
            headers={"Authorization": "Bearer sk_test_dashboard"},
            timeout=10,
        )

    def _control(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        reply = requests.request(method, f"{self.base_url}/_control/{path}", json=body, timeout=10)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        return found


@contextmanager
def world(folder: Path, *, webhook_url: str | None = None) -> Iterator[World]:
    """Run a stand-in of its own on a free port."""
    with server.running(
        host="127.0.0.1",
        port=0,
        state=folder / f"stripe-{uuid.uuid4().hex}.sqlite",
        webhook_url=webhook_url,
        webhook_secret=WEBHOOK_SECRET,
    ) as stand_in:
        yield World(stand_in.base_url)


def logged() -> list[str]:
    """Return the types of the entries staged so far, oldest first."""
    rows = StagedEntry.objects.order_by("sequence").values_list("data", flat=True)
    return [json.loads(bytes(data))["type"] for data in rows]


def account_of(licence: Licence) -> UUID:
    """Return the first payee of a licence."""
    line = licence.lines.order_by("cameo_id").first()
    assert line is not None
    return line.payee_id
