"""Taking in notices, holding what they name, deciding them. One workflow for all regimes.

received (or cure_asked, where something is missing) -> held -> upheld or rejected. A hold makes the render
undeliverable at once (the SHOW gate answers 451) and can be lifted; upholding withdraws it with every
descendant that still contains what the notice is about. Clocks run from receipt, whatever happens.

Nobody decides a case of their own. What the notice says, the address it named included, lies only in its
ciphertext; the case's other columns hold ids and times.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from ledger.accounts.models import Account
from ledger.consent import holds, uses
from ledger.consent.models import Use
from ledger.db import step, use_case
from ledger.log import actions as log
from ledger.log import entries
from ledger.notifications import actions as notifications
from ledger.outbox import actions as outbox
from ledger.vault import keys
from rights.estates import queries as estates
from rights.estates.models import Estate
from rights.takedowns import queries, rules
from rights.takedowns.errors import (
    CaseDecided,
    CaseNotFound,
    ConfirmationWrong,
    EstateHasNoStanding,
    NothingToCure,
    OwnCase,
    TargetNotFound,
)
from rights.takedowns.models import StatementOfReasons, StayDown, TakedownCase
from rights.takedowns.rules import Regime

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
UUIDS_IN_TARGET_MAX = 10
NOTICE, CONFIRMATION = (
    b"takedown-notice",
    b"takedown-confirmation",
)  # What a ciphertext is bound to.


@dataclass(frozen=True)
class Submitted:
    """A new case, and the secret that is shown once."""

    case: TakedownCase
    secret: str


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
        target: an address with the render's id in it, or the id.

    Raises:
        TargetNotFound: no render's id in `target`.
        EstateHasNoStanding: the estate regime, and `by` has no such verified and protected estate.
        LineageMoved: the render was remixed at the same moment, again and again.
    """
    use_id = _named(target)
    secret = secrets.token_urlsafe(18)
    given = {**notice, "target": target, "estate_id": str(estate_id or "")}
    case = uses.retrying(
        lambda: _submit(
            use_id=use_id,
            regime=regime,
            given=given,
            country=country,
            by=by,
            estate_id=estate_id,
            secret=secret,
            at=at,
        )
    )
    return Submitted(case, secret)


@use_case
def _submit(
    *,
    use_id: UUID,
    regime: Regime,
    given: Mapping[str, object],
    country: str,
    by: Account | None,
    estate_id: UUID | None,
    secret: str,
    at: datetime,
) -> TakedownCase:
    rule, case_id = rules.RULES[regime], uuid4()
    uses.lock_lineage(use_id=use_id)
    estate = _standing(by, estate_id, at) if regime is Regime.ESTATE else None
    missing = rules.missing(regime, given)
    due = rules.clocks(regime, received_at=at, country=country)
    token = secrets.token_urlsafe(18)
    keys.ensure(case_id, at)
    hold = None
    if rule.hold_within_h == 0:
        hold = holds.place(use_id=use_id, ground=rule.ground, case_id=case_id, at=at)
    case = TakedownCase.objects.create(
        id=case_id,
        reference=f"CS-{at:%Y}-{secrets.token_hex(5).upper()}",
        secret_sha256=queries.digest(secret),
        confirmation_sha256=queries.digest(token),
        regime=regime.value,
        use_id=use_id,
        estate=estate,
        country=country,
        notice=keys.encrypt(case_id, entries.canonical(given), NOTICE),
        missing=missing,
        state=rules.first_state(is_held=hold is not None, missing=missing),
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
    _owe_mail(case, kind="received", token=token, at=at)
    return case


@use_case
def cure(*, case_id: UUID, secret: str, given: Mapping[str, object], at: datetime) -> TakedownCase:
    """Add to an open notice what it lacked. What it said already is never replaced.

    Raises:
        CaseNotFound: there is none, or another secret: these look alike.
        NothingToCure: it is decided, or it lacks none of what is given.
    """
    queries.case_for(case_id=case_id, secret=secret)
    case = _row(case_id)
    added = {name: given[name] for name in case.missing if given.get(name)}
    if case.state not in TakedownCase.OPEN or not added:
        raise NothingToCure(missing=case.missing)
    notice = {**notice_of(case), **added}
    case.notice = keys.encrypt(case.id, entries.canonical(notice), NOTICE)
    case.missing = rules.missing(Regime(case.regime), notice)
    if case.state == TakedownCase.State.CURE_ASKED and not case.missing:
        case.state, case.state_at = TakedownCase.State.RECEIVED, at
    case.save(update_fields=["notice", "missing", "state", "state_at"])
    log.stage(type="takedown.cured", at=at, subject_id=case.id, rows=[case])
    return case


@use_case
def confirm(*, case_id: UUID, token: str, at: datetime) -> None:
    """Note that whoever gave the notice answers at the address they gave.

    Raises:
        ConfirmationWrong: another token was sent, or there is no such case: these look alike.
    """
    case = TakedownCase.objects.select_for_update().filter(id=case_id).first()
    stored = bytes(case.confirmation_sha256) if case else b""
    if case is None or not hmac.compare_digest(stored, queries.digest(token)):
        raise ConfirmationWrong(case_id=case_id)
    if case.confirmed_at is None:
        case.confirmed_at = at
        case.save(update_fields=["confirmed_at"])
        log.stage(type="takedown.confirmed", at=at, subject_id=case.id, rows=[case])


def hold(*, case_id: UUID, by: Account, at: datetime) -> TakedownCase:
    """Make the render undeliverable while the case is decided. Safe to repeat.

    Raises:
        CaseNotFound: there is none.
        CaseDecided: it was decided already.
        OwnCase: `by` is a co-owner of the render, or claims the estate.
        LineageMoved: the render was remixed at the same moment, again and again.
    """
    return uses.retrying(lambda: _hold(case_id=case_id, by=by, at=at))


@use_case
def _hold(*, case_id: UUID, by: Account, at: datetime) -> TakedownCase:
    case = _locked(case_id, by)
    if case.state == TakedownCase.State.HELD:
        return case
    _check(case, to=TakedownCase.State.HELD)
    case.hold = holds.place(use_id=case.use_id, ground=_ground(case), case_id=case.id, at=at)
    case.state, case.state_at = TakedownCase.State.HELD, at
    case.save(update_fields=["hold", "state", "state_at"])
    log.stage(
        type="takedown.held", at=at, subject_id=case.id, rows=[case], details={"by": str(by.id)}
    )
    return case


def uphold(*, case_id: UUID, by: Account, facts: str, at: datetime) -> StatementOfReasons:
    """Grant the notice: withdraw the render and what descends from it, and say why.

    Raises:
        As `hold`.
    """
    return uses.retrying(lambda: _uphold(case_id=case_id, by=by, facts=facts, at=at))


@use_case
def _uphold(*, case_id: UUID, by: Account, facts: str, at: datetime) -> StatementOfReasons:
    case = _locked(case_id, by)
    _check(case, to=TakedownCase.State.UPHELD)
    uses.withdraw_by_case(use_id=case.use_id, case_id=case.id, code="takedown", at=at)
    stay_down, _ = StayDown.objects.get_or_create(
        use_id=case.use_id, defaults={"case": case, "starts_at": at}
    )
    return _decide(
        case, state=TakedownCase.State.UPHELD, by=by, facts=facts, also=[stay_down], at=at
    )


def reject(*, case_id: UUID, by: Account, facts: str, at: datetime) -> StatementOfReasons:
    """Refuse the notice: lift its hold, and say why. Holds of other cases stand.

    Raises:
        As `hold`.
    """
    return uses.retrying(lambda: _reject(case_id=case_id, by=by, facts=facts, at=at))


@use_case
def _reject(*, case_id: UUID, by: Account, facts: str, at: datetime) -> StatementOfReasons:
    case = _locked(case_id, by)
    _check(case, to=TakedownCase.State.REJECTED)
    if case.hold_id:
        holds.lift(hold_id=case.hold_id, at=at)
    return _decide(case, state=TakedownCase.State.REJECTED, by=by, facts=facts, also=[], at=at)


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
    plain = keys.decrypt(case.id, bytes(case.notice), NOTICE)
    return dict(json.loads(plain))


def token_of(case_id: UUID, sealed: str) -> str:
    """Return the confirmation's token that a message carries encrypted."""
    return keys.decrypt(case_id, base64.b64decode(sealed), CONFIRMATION).decode()


@step
def _owe_mail(case: TakedownCase, *, kind: str, token: str, at: datetime) -> None:
    """Owe a mail. A message stays in the outbox for days, so the token in it is encrypted."""
    sealed = keys.encrypt(case.id, token.encode(), CONFIRMATION) if token else b""
    payload = {
        "case_id": str(case.id),
        "kind": kind,
        "token": base64.b64encode(sealed).decode(),
    }
    outbox.enqueue(topic="takedown.mail", payload=payload, at=at)


def _decide(
    case: TakedownCase,
    *,
    state: str,
    by: Account,
    facts: str,
    also: Sequence[StayDown],
    at: datetime,
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
        rows=[case, statement, *also],
        public={"regime": case.regime},
    )
    notifications.tell(
        account_ids=uses.co_owner_ids(use_id=case.use_id),
        kind=f"takedown.{state}",
        about_id=case.id,
        details={"reference": case.reference, "use_id": str(case.use_id), "facts": facts},
        at=at,
    )
    _owe_mail(case, kind=state, token="", at=at)
    return statement


def _named(target: str) -> UUID:
    """Return the first id in a target that is a render's."""
    found = [UUID(each) for each in _UUID.findall(target)[:UUIDS_IN_TARGET_MAX]]
    known = set(Use.objects.filter(id__in=found).values_list("id", flat=True))
    use_id = next((each for each in found if each in known), None)
    if use_id is None:
        raise TargetNotFound
    return use_id


def _standing(by: Account | None, estate_id: UUID | None, at: datetime) -> Estate:
    estate = None
    if by is not None and estate_id is not None:
        estate = estates.verified_for(claimant_id=by.id, estate_id=estate_id, on=at.date())
    if estate is None:
        raise EstateHasNoStanding
    return estate


def _locked(case_id: UUID, by: Account) -> TakedownCase:
    """Lock a case with its render's lineage, for somebody who may decide it."""
    use_id = TakedownCase.objects.filter(id=case_id).values_list("use_id", flat=True).first()
    if use_id is None:
        raise CaseNotFound(case_id=case_id)
    uses.lock_lineage(use_id=use_id)
    case = _row(case_id)
    is_claimant = case.estate is not None and case.estate.claimant_id == by.id
    if is_claimant or by.id in uses.co_owner_ids(use_id=use_id):
        raise OwnCase(case_id=case_id)
    return case


def _row(case_id: UUID) -> TakedownCase:
    case = TakedownCase.objects.select_for_update().filter(id=case_id).first()
    if case is None:
        raise CaseNotFound(case_id=case_id)
    return case


def _check(case: TakedownCase, *, to: str) -> None:
    if not rules.may_go(case.state, to):
        raise CaseDecided(case_id=case.id, state=case.state)


def _ground(case: TakedownCase) -> str:
    return rules.RULES[Regime(case.regime)].ground
