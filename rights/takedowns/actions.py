"""Taking in notices, holding what they name, deciding them. One workflow for all regimes.

received (or cure_asked, where something is missing) -> held -> upheld or rejected. A hold makes the render
undeliverable at once (the SHOW gate answers 451) and can be lifted; upholding withdraws it with every
descendant that still contains what the notice is about. Clocks run from receipt, whatever happens.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from ledger.accounts.models import Account
from ledger.consent import holds, uses
from ledger.consent.models import Use
from ledger.db import use_case
from ledger.log import actions as log
from ledger.log import entries
from ledger.notifications import actions as notifications
from ledger.outbox import actions as outbox
from ledger.vault import keys
from rights.estates import queries as estates
from rights.takedowns import rules
from rights.takedowns.errors import (
    CaseDecided,
    CaseHasNoTarget,
    CaseNotFound,
    ConfirmationWrong,
    EstateHasNoStanding,
    TargetNotFound,
)
from rights.takedowns.models import StatementOfReasons, StayDown, TakedownCase
from rights.takedowns.rules import Regime

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Submitted:
    """A new case, and the secret that is shown once."""

    case: TakedownCase
    secret: str


@use_case
def submit(
    *,
    regime: Regime,
    target: str,
    notice: Mapping[str, object],
    country: str,
    by: Account | None,
    estate_id: UUID | None,
    at: datetime,
) -> Submitted:
    """Take in a notice; regimes that ask for it hold the render in this same transaction.

    Args:
        notice: contact and statements; kept encrypted under a key of the case's own.

    Raises:
        TargetNotFound: no render id in `target`.
        EstateHasNoStanding: the estate regime, and `by` has no such verified estate.
    """
    named = _UUID.search(target)
    if named is None:
        raise TargetNotFound
    use_id = UUID(named.group())
    rule = rules.RULES[regime]
    uses.lock_lineage(use_id=use_id)
    use = Use.objects.filter(id=use_id).first()
    if use is None:
        raise TargetNotFound
    estate = None
    if regime is Regime.ESTATE:
        estate = by and estate_id and estates.verified_for(claimant_id=by.id, estate_id=estate_id)
        if not estate:
            raise EstateHasNoStanding
    given = {**notice, "target": target, "estate_id": str(estate_id) if estate else ""}
    missing = rules.missing(regime, given)
    due = rules.clocks(regime, received_at=at, country=country)
    secret, token, case_id = secrets.token_urlsafe(18), secrets.token_urlsafe(18), uuid4()
    keys.ensure(case_id, at)
    holds_now = rule.hold_within_h == 0
    hold = (
        holds.place(use_id=use.id, ground=rule.ground, case_id=case_id, at=at)
        if holds_now
        else None
    )
    state = "held" if hold else ("cure_asked" if missing else "received")
    case = TakedownCase.objects.create(
        id=case_id,
        reference=f"CS-{at:%Y}-{secrets.token_hex(4).upper()}",
        secret_sha256=_sha256(secret),
        confirmation_sha256=_sha256(token),
        regime=regime.value,
        use=use,
        target=target,
        estate=estate or None,
        country=country,
        notice=keys.encrypt(case_id, entries.canonical(given), b"takedown-notice"),
        missing=missing,
        state=state,
        state_at=at,
        received_at=at,
        hold_due_at=due.hold_due_at,
        decide_due_at=due.decide_due_at,
        hold=hold,
    )
    log.stage(
        type="takedown.received",
        at=at,
        subject_id=case_id,
        rows=[case],
        public={"regime": regime.value},
    )
    outbox.enqueue(
        topic="takedown.mail",
        payload={"case_id": str(case_id), "token": token, "kind": "received"},
        at=at,
    )
    return Submitted(case, secret)


@use_case
def confirm(*, case_id: UUID, token: str, at: datetime) -> None:
    """Note that whoever gave the notice answers at the address they gave.

    Raises:
        CaseNotFound: there is none.
        ConfirmationWrong: another token was sent.
    """
    case = _row(case_id)
    if not hmac.compare_digest(bytes(case.confirmation_sha256), _sha256(token)):
        raise ConfirmationWrong(case_id=case_id)
    if case.confirmed_at is None:
        case.confirmed_at = at
        case.save(update_fields=["confirmed_at"])
        log.stage(type="takedown.confirmed", at=at, subject_id=case.id, rows=[case])


@use_case
def hold(*, case_id: UUID, by: Account, at: datetime) -> TakedownCase:
    """Make the render undeliverable while the case is decided. Safe to repeat.

    Raises:
        CaseNotFound: there is none.
        CaseHasNoTarget: it names no render that is here.
        CaseDecided: it was decided already.
    """
    case = _locked(case_id)
    if case.state == TakedownCase.State.HELD:
        return case
    _check(case, to="held")
    case.hold = holds.place(use_id=_target(case), ground=_ground(case), case_id=case.id, at=at)
    case.state, case.state_at = TakedownCase.State.HELD, at
    case.save(update_fields=["hold", "state", "state_at"])
    log.stage(
        type="takedown.held", at=at, subject_id=case.id, rows=[case], details={"by": str(by.id)}
    )
    return case


@use_case
def uphold(*, case_id: UUID, by: Account, facts: str, at: datetime) -> StatementOfReasons:
    """Grant the notice: withdraw the render and what descends from it, and say why.

    Raises:
        CaseNotFound: there is none.
        CaseHasNoTarget: it names no render that is here.
        CaseDecided: it was decided already.
    """
    case = _locked(case_id)
    _check(case, to="upheld")
    use_id = _target(case)
    uses.withdraw_by_case(use_id=use_id, case_id=case.id, code="takedown", at=at)
    StayDown.objects.get_or_create(use_id=use_id, defaults={"case": case, "starts_at": at})
    return _decide(case, state=TakedownCase.State.UPHELD, by=by, facts=facts, at=at)


@use_case
def reject(*, case_id: UUID, by: Account, facts: str, at: datetime) -> StatementOfReasons:
    """Refuse the notice: lift its hold, and say why.

    Raises:
        CaseNotFound: there is none.
        CaseDecided: it was decided already.
    """
    case = _locked(case_id)
    _check(case, to="rejected")
    if case.hold_id:
        holds.lift(hold_id=case.hold_id, at=at)
    return _decide(case, state=TakedownCase.State.REJECTED, by=by, facts=facts, at=at)


@use_case
def open_notice(*, case_id: UUID, by: Account, at: datetime) -> Mapping[str, object]:
    """Return the notice in clear, for who may see it; each opening is logged.

    Raises:
        CaseNotFound: there is none.
    """
    case = _row(case_id)
    log.stage(
        type="takedown.notice-opened",
        at=at,
        subject_id=case.id,
        details={"case_id": str(case.id), "by": str(by.id)},
    )
    return notice_of(case)


def notice_of(case: TakedownCase) -> Mapping[str, object]:
    """Decrypt a case's notice."""
    plain = keys.decrypt(case.id, bytes(case.notice), b"takedown-notice")
    return dict(json.loads(plain))


def _decide(
    case: TakedownCase, *, state: str, by: Account, facts: str, at: datetime
) -> StatementOfReasons:
    case.state, case.state_at, case.decided_by = state, at, by
    case.save(update_fields=["state", "state_at", "decided_by"])
    statement = StatementOfReasons.objects.create(
        case=case,
        puid=case.reference,
        decision_facts=facts,
        decision_ground=_ground(case),
        category=case.regime,
        source_type="notice",
        created_at=at,
    )
    log.stage(
        type=f"takedown.{state}",
        at=at,
        subject_id=case.id,
        rows=[case, statement],
        public={"regime": case.regime},
    )
    notifications.tell(
        account_ids=uses.co_owner_ids(use_id=_target(case)),
        kind=f"takedown.{state}",
        about_id=case.id,
        details={"reference": case.reference, "use_id": str(case.use_id), "facts": facts},
        at=at,
    )
    outbox.enqueue(
        topic="takedown.mail", payload={"case_id": str(case.id), "kind": state, "token": ""}, at=at
    )
    return statement


def _locked(case_id: UUID) -> TakedownCase:
    use_id = TakedownCase.objects.filter(id=case_id).values_list("use_id", flat=True).first()
    if use_id is None:
        raise CaseNotFound(case_id=case_id)
    uses.lock_lineage(use_id=use_id)
    return _row(case_id)


def _row(case_id: UUID) -> TakedownCase:
    case = TakedownCase.objects.select_for_update().filter(id=case_id).first()
    if case is None:
        raise CaseNotFound(case_id=case_id)
    return case


def _check(case: TakedownCase, *, to: str) -> None:
    if not rules.may_go(case.state, to):
        raise CaseDecided(case_id=case.id, state=case.state)


def _target(case: TakedownCase) -> UUID:
    if case.use_id is None:
        raise CaseHasNoTarget(case_id=case.id)
    return case.use_id


def _ground(case: TakedownCase) -> str:
    return rules.RULES[Regime(case.regime)].ground


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
