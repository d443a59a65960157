"""Every write of a licence: quoted, authorised, captured, or its money let go or given back.

No call to Stripe is made here. What must be called is an outbox row, and `rights.settlement` carries
it. Each change of state is along `states.TRANSITIONS`, and is logged in its own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from ledger.accounts.models import Account
from ledger.db import refusing, step
from ledger.log import actions as log
from ledger.outbox import actions as outbox
from ledger.vault.keys import KeyDestroyed
from rights.licences import quotes, states
from rights.licences.errors import (
    LicenceExists,
    LicenceNotFound,
    NotAuthorised,
    NotInThatState,
    PayeeNotReady,
    QuoteExpired,
)
from rights.licences.models import Licence, LicenceLine

# An authorisation is let go this long before Stripe does, so that no capture races with it.
LAPSE_MARGIN = timedelta(minutes=30)
# The call that a licence in a state waits for.
CALLS = {
    states.CAPTURE_INTENDED: "licence.capture",
    states.VOID_INTENDED: "licence.void",
    states.REFUND_INTENDED: "licence.refund",
}


class UseChange(Protocol):
    """The end of a use, as `ledger.consent.observers.UseChange` tells it."""

    @property
    def use_id(self) -> UUID: ...
    @property
    def state(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def at(self) -> datetime: ...


@step
def quote(
    *, use_id: UUID, buyer: Account, purpose: str, lines: Sequence[quotes.Fee], at: datetime
) -> Licence:
    """Quote a use to its buyer: valid for `QUOTE_TTL_S` seconds, integers in one currency.

    Raises:
        NothingToPay, CurrenciesDiffer, CurrencyUnknown, AmountNotChargeable: see `quotes.price`.
        PayeeNotReady: an owner's payout account is not active: nothing is offered for money.
        LicenceExists: the use has a living licence.
    """
    priced = quotes.price(lines, fee_bps=settings.PLATFORM_FEE_BPS)
    payees = frozenset(line.payee_id for line in priced.lines)
    payable: frozenset[UUID] = import_string(settings.LICENCE_PAYEE_SOURCE)(payees)
    if not payees <= payable:
        raise PayeeNotReady(use_id=use_id, payees=len(payees - payable))
    with refusing(use_has_one_living_licence=LicenceExists(use_id=use_id)):
        licence = Licence.objects.create(
            use_id=use_id,
            buyer=buyer,
            purpose=purpose,
            currency=priced.currency,
            amount_minor=priced.amount_minor,
            fee_bps=settings.PLATFORM_FEE_BPS,
            quote_expires_at=at + timedelta(seconds=settings.QUOTE_TTL_S),
            state_at=at,
            created_at=at,
        )
    rows = LicenceLine.objects.bulk_create(
        LicenceLine(
            licence=licence,
            cameo_id=line.cameo_id,
            payee_id=line.payee_id,
            amount_minor=line.amount_minor,
            fee_minor=line.fee_minor,
        )
        for line in priced.lines
    )
    _log(licence, rows=rows, at=at)
    return licence


@step
def lock(*, licence_id: UUID, buyer_id: UUID | None = None) -> Licence:
    """Return a licence with its row locked until the transaction ends.

    Raises:
        LicenceNotFound: there is none, or it is not `buyer_id`'s.
    """
    rows = Licence.objects.select_for_update().filter(id=licence_id)
    if buyer_id is not None:
        rows = rows.filter(buyer_id=buyer_id)
    licence = rows.first()
    if licence is None:
        raise LicenceNotFound(licence_id=licence_id)
    return licence


@step
def begin_authorisation(licence: Licence, *, at: datetime) -> None:
    """Note that the buyer's bank is about to be asked. `licence` is locked.

    Raises:
        QuoteExpired: the quote has run out.
        NotInThatState: it was authorised before, or its use has ended.
    """
    if licence.state == states.QUOTED and licence.quote_expires_at <= at:
        raise QuoteExpired(licence_id=licence.id)
    _move(licence, states.AUTHORISING, at=at)


@step
def authorised(
    licence: Licence, *, payment_intent: str, charge: str, capture_before: datetime, at: datetime
) -> None:
    """Note that the bank holds the money until `capture_before`. `licence` is locked.

    A licence whose use ended while the bank was asked stays `void_intended`, and learns only what to
    let go of.
    """
    facts: dict[str, Any] = {
        "payment_intent": payment_intent,
        "charge": charge,
        "capture_before": capture_before,
    }
    if licence.state == states.VOID_INTENDED:
        _note(licence, at=at, **facts)
        return
    _move(licence, states.AUTHORISED, at=at, **facts)
    outbox.enqueue(topic="licence.authorised", payload={"use_id": str(licence.use_id)}, at=at)


@step
def declined(licence: Licence, *, code: str, at: datetime) -> None:
    """Note that the bank refused, or was never reached: the quote stands again. `licence` is locked."""
    if licence.state == states.AUTHORISING:
        _move(licence, states.QUOTED, at=at, why=code)


@step
def intend_capture(*, use_id: UUID, at: datetime) -> None:
    """Decide that the money of a use is taken: part of RELEASE. A use without a licence costs nothing.

    Raises:
        NotAuthorised: the use has a licence, and it is not authorised, or not any more at `at`.
    """
    licence = _lock_newest(use_id)
    if licence is None or licence.state in {states.CAPTURE_INTENDED, states.CAPTURED}:
        return
    is_lapsed = licence.capture_before is not None and licence.capture_before <= at
    if licence.state != states.AUTHORISED or is_lapsed:
        raise NotAuthorised(use_id=use_id, state=licence.state)
    _move(licence, states.CAPTURE_INTENDED, at=at)
    owe_call(licence, at=at)


@step
def captured(licence: Licence, *, charge: str, at: datetime) -> None:
    """Note that the money was taken. `licence` is locked.

    When a withdrawal overtook the call the licence stays `refund_intended`: what was taken is now
    known, and is given back.
    """
    facts: dict[str, Any] = {"charge": charge, "captured_at": at}
    if licence.state == states.REFUND_INTENDED:
        _note(licence, at=at, **facts)
        return
    _move(licence, states.CAPTURED, at=at, **facts)


@step
def voided(licence: Licence, *, at: datetime, why: str = "") -> None:
    """Note that the bank holds nothing any more, and nothing was taken. `licence` is locked."""
    _move(licence, states.VOIDED, at=at, why=why)


@step
def refunded(licence: Licence, *, at: datetime) -> None:
    """Note that the buyer has the money back. `licence` is locked."""
    _move(licence, states.REFUNDED, at=at)


@step
def expired(licence: Licence, *, at: datetime) -> None:
    """Note that a quote ran out. `licence` is locked."""
    _move(licence, states.EXPIRED, at=at)


def use_changed(change: UseChange) -> None:
    """Follow the end of a use, in its transaction (`CONSENT_USE_OBSERVERS`).

    A use that ended before its release lets its money go; a withdrawn one gives it back within
    `REFUND_WINDOW_DAYS` of the capture. A use without a living licence changes nothing.
    """
    licence = _lock_newest(change.use_id)
    if licence is None:
        return
    window = timedelta(days=settings.REFUND_WINDOW_DAYS)
    after = states.after_use_ends(
        licence.state,
        is_withdrawn=change.state == "withdrawn",
        is_refundable=licence.captured_at is None or change.at < licence.captured_at + window,
    )
    if after is None:
        return
    _move(licence, after, at=change.at, why=change.code)
    if after in CALLS:
        owe_call(licence, at=change.at)


@step
def _lock_newest(use_id: UUID) -> Licence | None:
    return (
        Licence.objects.select_for_update()
        .filter(use_id=use_id)
        .order_by("-created_at", "-id")
        .first()
    )


@step
def owe_call(licence: Licence, *, at: datetime) -> None:
    """Owe the call that the licence's state waits for. `licence` is locked."""
    outbox.enqueue(topic=CALLS[licence.state], payload={"licence_id": str(licence.id)}, at=at)


def _move(licence: Licence, after: str, *, at: datetime, why: str = "", **facts: Any) -> None:
    if not states.may_follow(licence.state, after):
        raise NotInThatState(licence_id=licence.id, state=licence.state, wanted=after)
    licence.state, licence.state_at = after, at
    _write(licence, ("state", "state_at"), facts, why=why, at=at)


def _note(licence: Licence, *, at: datetime, **facts: Any) -> None:
    _write(licence, (), facts, why="", at=at)


def _write(
    licence: Licence, fields: Sequence[str], facts: dict[str, Any], *, why: str, at: datetime
) -> None:
    for name, value in facts.items():
        setattr(licence, name, value)
    licence.save(update_fields=[*fields, *facts])
    _log(licence, rows=(), at=at, why=why)


def _log(licence: Licence, *, rows: Sequence[LicenceLine], at: datetime, why: str = "") -> None:
    """Log the licence as it is now, under the buyer's key; under ours once that is destroyed.

    The rows hold ids and sums, no names, and the law asks that books outlive the person.
    """
    entry: dict[str, Any] = {
        "type": f"licence.{licence.state.replace('_', '-')}",
        "at": at,
        "rows": (licence, *rows),
        "details": {"why": why} if why else {},
    }
    try:
        log.stage(subject_id=licence.buyer_id, **entry)
    except KeyDestroyed:
        log.stage(subject_id=None, **entry)
