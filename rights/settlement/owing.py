"""Payouts as rows: owed once a licence is captured, and moved along their table. Each is logged."""

from __future__ import annotations

from datetime import datetime

from ledger.db import step
from ledger.log import actions as log
from ledger.outbox import actions as outbox
from rights.licences.models import Licence
from rights.settlement import entries
from rights.settlement.models import Payout


@step
def owe(licence: Licence, parts: entries.Parts, *, at: datetime) -> None:
    """Owe each payee of a captured licence its part, each carried alone."""
    payouts = Payout.objects.bulk_create(
        Payout(
            licence=licence,
            payee_id=payee_id,
            amount_minor=amount_minor,
            currency=licence.currency,
            state_at=at,
            created_at=at,
        )
        for payee_id, amount_minor in sorted(parts.by_payee.items())
        if amount_minor
    )
    for payout in payouts:
        _log(payout, at=at)
        enqueue(payout, topic="payout.transfer", at=at)


@step
def move(payout: Payout, state: str, *, at: datetime, stripe_id: str = "") -> None:
    """Move a locked payout to its next state."""
    payout.state, payout.state_at = state, at
    payout.stripe_id = stripe_id or payout.stripe_id
    payout.save(update_fields=["state", "state_at", "stripe_id"])
    _log(payout, at=at)


@step
def enqueue(payout: Payout, *, topic: str, at: datetime) -> None:
    """Owe the call that carries a payout."""
    outbox.enqueue(topic=topic, payload={"payout_id": str(payout.id)}, at=at)


def _log(payout: Payout, *, at: datetime) -> None:
    name = payout.state.replace("_", "-")
    log.stage(type=f"payout.{name}", at=at, subject_id=None, rows=[payout])
