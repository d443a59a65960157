"""The gates: REQUEST, DISPATCH, RELEASE and SHOW. Each is a step of the caller's one transaction.

The promise: a tightening that commits before the transaction of RELEASE is seen by it. A gate takes all its
locks first (ADR 3): shared on the prohibitions, the requester's account, the cast's cameos and every
ancestor; exclusive on the use itself. Only then does it read the facts, decide, and write the decision and
its log entry. What is immutable (a use's requester, cast and parent) may be read before the locks.

A denial does not raise: it ends the use (`denied`), gives back what was reserved, tells the observers, and
is returned, so that it commits; the observers learn that it was a denial and not why. A gate on a use that
has ended already returns its end, and does nothing.

Locks: one statement a gate. Failure: a gate that cannot read a fact denies with `unavailable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from ledger import db
from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import observers, queries, rules, stored
from ledger.consent.errors import UseEnded, UseHeld, UseNotFound, UseNotReleased, UseWithdrawn
from ledger.consent.models import Decision, Gate, Reservation, Use, UseCast
from ledger.consent.rules import Effect, FeeDue, Finding
from ledger.db import step
from ledger.log import actions as log

# What a permit at a gate is called in the log.
EVENTS = {
    Gate.REQUEST: "use.requested",
    Gate.DISPATCH: "use.dispatched",
    Gate.RELEASE: "use.released",
}


@dataclass(frozen=True)
class Decided:
    """What a gate decided. `decision_id` and `entry_id` are None when the use had ended already."""

    use_id: UUID
    decision_id: UUID | None
    entry_id: UUID | None
    effect: Effect
    findings: tuple[Finding, ...]
    fees_due: tuple[FeeDue, ...] = ()
    awaiting_approval: tuple[UUID, ...] = ()

    @property
    def is_permitted(self) -> bool:
        """Whether the gate lets the use pass."""
        return self.effect is Effect.PERMIT


@step
def request(
    *,
    use_id: UUID,
    requester: Account,
    cast: Sequence[UUID],
    purpose: str,
    seconds: Decimal,
    parent_id: UUID | None,
    texts: Sequence[str],
    at: datetime,
    territories: Sequence[str] = (),
) -> Decided:
    """Decide a new use, record it, and reserve what is counted.

    Args:
        cast: every cameo in it, those kept from the parent included; twice counts once.
        seconds: the length asked for.
        texts: prompt, title, captions, file names: screened at every gate.
        territories: ISO 3166-1 alpha-2; empty is everywhere.

    Raises:
        UseNotFound: there is no use with the parent's id.
    """
    cast = tuple(dict.fromkeys(cast))
    ancestors = queries.ancestor_ids(parent_id=parent_id)
    if parent_id is not None and not ancestors:
        raise UseNotFound(use_id=parent_id)
    _lock(use_id, requester.id, cast, ancestors)
    requester = Account.objects.get(id=requester.id)  # As it stands under the lock.
    queries.lock_counted(cast=cast, requester_id=requester.id)
    known = set(Cameo.objects.filter(id__in=cast).values_list("id", flat=True))
    inherited = queries.cast_of(parent_id)
    use = Use.objects.create(
        id=use_id,
        requester=requester,
        parent_id=parent_id,
        purpose=purpose,
        seconds=seconds,
        territories=list(territories),
        texts=list(texts),
        state=Use.State.REQUESTED,
        state_at=at,
        created_at=at,
    )
    UseCast.objects.bulk_create(
        UseCast(use=use, cameo_id=cameo_id, epoch=0, is_inherited=cameo_id in inherited)
        for cameo_id in cast
        if cameo_id in known
    )
    return _decide(use, Gate.REQUEST, requester, cast, ancestors, at)


@step
def dispatch(*, use_id: UUID, at: datetime) -> Decided:
    """Decide again before a permit is signed. A use that was dispatched may be dispatched again.

    Raises:
        UseNotFound: there is no such use.
    """
    return _again(use_id, Gate.DISPATCH, at)


@step
def release(*, use_id: UUID, at: datetime) -> Decided:
    """Decide for the last time; permitted and approved, the use is released in this transaction.

    A permit with `awaiting_approval` leaves the use dispatched: ask again once the owners answered.

    Raises:
        UseNotFound: there is no such use.
    """
    return _again(use_id, Gate.RELEASE, at)


def show(*, use_id: UUID) -> None:
    """Answer whether the use's file may be delivered now. Two queries; nothing is cached.

    Raises:
        UseNotFound: there is no such use.
        UseWithdrawn: it was withdrawn, and stays so.
        UseHeld: a hold stands on it or on a cameo in it.
        UseNotReleased: it is a draft, or ended without a release.
    """
    state = Use.objects.filter(id=use_id).values_list("state", flat=True).first()
    if state is None:
        raise UseNotFound(use_id=use_id)
    if state == Use.State.WITHDRAWN:
        raise UseWithdrawn(use_id=use_id)
    if queries.is_held(use_id=use_id):
        raise UseHeld(use_id=use_id)
    if state != Use.State.RELEASED:
        raise UseNotReleased(use_id=use_id, state=state)


@step
def end(*, use_id: UUID, state: str, code: str, at: datetime) -> bool:
    """End an open use as `cancelled` or `failed`. Returns False when it had ended already.

    Takes the use's exclusive lock; a caller that holds other locks must hold this one among them.
    """
    db.lock(exclusive=[db.use(use_id)])
    use = Use.objects.filter(id=use_id).first()
    if use is None:
        raise UseNotFound(use_id=use_id)
    if use.state not in Use.OPEN:
        return False
    finish(use, state=state, code=code, at=at)
    return True


@step
def finish(use: Use, *, state: str, code: str, at: datetime) -> None:
    """Move a use to an end, give back what it reserved, log it, tell the observers. Lock held."""
    use.state, use.state_at = state, at
    use.save(update_fields=["state", "state_at"])
    if state != Use.State.WITHDRAWN:
        use.reservations.filter(state=Reservation.State.HELD).update(
            state=Reservation.State.RETURNED
        )
    log.stage(
        type=f"use.{state}",
        at=at,
        subject_id=use.requester_id,
        rows=[use, *use.reservations.order_by("id")],
        details={"code": code},
    )
    observers.tell(observers.UseChange(use_id=use.id, state=state, code=code, at=at))


def _again(use_id: UUID, gate: Gate, at: datetime) -> Decided:
    use, cast, ancestors = _locked(use_id)
    if use.state == Use.State.RELEASED and gate == Gate.RELEASE:
        return Decided(use_id, None, None, Effect.PERMIT, ())  # Asked twice; released once.
    if use.state not in Use.OPEN:
        ended = Finding(Effect.DENY, f"use-{use.state}", use.id, None)
        return Decided(use_id, None, None, Effect.DENY, (ended,))
    if gate == Gate.RELEASE and use.state != Use.State.DISPATCHED:
        raise UseEnded(use_id=use_id, state=use.state)
    queries.lock_counted(cast=cast, requester_id=use.requester_id)
    return _decide(use, gate, use.requester, cast, ancestors, at)


@step
def still_permitted(*, use_id: UUID, at: datetime) -> tuple[Use, bool]:
    """Decide an open use again as it stands, without recording a decision. Takes its locks.

    Asked as REQUEST while no permit exists, so that a licence that is not paid yet is no denial; else
    as DISPATCH. A use that has ended is not permitted.

    Raises:
        UseNotFound: there is no such use.
    """
    use, cast, ancestors = _locked(use_id)
    if use.state not in Use.OPEN:
        return use, False
    gate = Gate.REQUEST if use.state == Use.State.REQUESTED else Gate.DISPATCH
    question, facts = _read(use, gate, use.requester, cast, ancestors, at)
    return use, rules.decide(question, facts).effect is Effect.PERMIT


def _locked(use_id: UUID) -> tuple[Use, tuple[UUID, ...], list[UUID]]:
    """Take a gate's locks on a use that exists, then read it."""
    fixed = Use.objects.filter(id=use_id).values("requester_id", "parent_id").first()
    if fixed is None:
        raise UseNotFound(use_id=use_id)
    cast = tuple(
        UseCast.objects.filter(use_id=use_id).order_by("id").values_list("cameo_id", flat=True)
    )
    ancestors = queries.ancestor_ids(parent_id=fixed["parent_id"])
    _lock(use_id, fixed["requester_id"], cast, ancestors)
    return Use.objects.select_related("requester").get(id=use_id), cast, ancestors


def _lock(
    use_id: UUID, requester_id: UUID, cast: Sequence[UUID], ancestors: Sequence[UUID]
) -> None:
    db.lock(
        shared=[
            db.PROHIBITIONS,
            db.account(requester_id),
            *map(db.cameo, cast),
            *map(db.use, ancestors),
        ],
        exclusive=[db.use(use_id)],
    )


def _decide(
    use: Use,
    gate: Gate,
    requester: Account,
    cast: tuple[UUID, ...],
    ancestors: Sequence[UUID],
    at: datetime,
) -> Decided:
    """Read the facts, decide, write the decision, and move the use."""
    question, facts = _read(use, gate, requester, cast, ancestors, at)
    decision = rules.decide(question, facts)
    entry_id = uuid4()
    row = Decision.objects.create(
        use=use,
        gate=gate,
        effect=decision.effect.value,
        findings=stored.to_json(decision.findings),
        obligations=stored.to_json(decision.fees_due),
        # The texts are the use's own, and never change: a decision holds ids and terms, no words.
        facts={
            "question": stored.to_json(replace(question, texts=())),
            "facts": stored.to_json(facts),
        },
        log_entry_id=entry_id,
        decided_at=at,
    )
    if decision.effect is Effect.PERMIT:
        _record_permit(use, gate, facts, decision, at)
    else:
        finish(use, state=Use.State.DENIED, code=rules.UNNAMED, at=at)
    # Under the service's key: its subject could read there who denied, and why.
    log.stage(
        type="consent.decided",
        at=at,
        subject_id=None,
        rows=[row, *use.cast.order_by("id")],
        public={"gate": gate.value, "effect": decision.effect.value},
        entry_id=entry_id,
    )
    return Decided(
        use_id=use.id,
        decision_id=row.id,
        entry_id=entry_id,
        effect=decision.effect,
        findings=decision.findings,
        fees_due=decision.fees_due,
        awaiting_approval=decision.awaiting_approval,
    )


def _read(
    use: Use,
    gate: Gate,
    requester: Account,
    cast: tuple[UUID, ...],
    ancestors: Sequence[UUID],
    at: datetime,
) -> tuple[rules.Question, rules.Facts]:
    question = rules.Question(
        gate=gate.value,
        requester_id=requester.id,
        purpose=use.purpose,
        seconds=use.seconds,
        territories=tuple(use.territories),
        texts=tuple(use.texts),
        is_remix=use.parent_id is not None,
        at=at,
    )
    facts = queries.facts(
        use_id=use.id, requester=requester, cast=cast, ancestors=ancestors, question=question
    )
    return question, facts


def _record_permit(
    use: Use, gate: Gate, facts: rules.Facts, decision: rules.Decision, at: datetime
) -> None:
    """Note what each cameo was permitted under, count it, and move the use."""
    for cameo in facts.cameos:
        UseCast.objects.filter(use=use, cameo_id=cameo.id).update(
            epoch=cameo.epoch,
            terms_id=cameo.terms.id if cameo.terms else None,
            grant_id=decision.grants.get(cameo.id),
        )
    _reserve(use, facts, decision, at)
    event = None
    if gate == Gate.DISPATCH:
        use.state, use.state_at = Use.State.DISPATCHED, at
    elif gate == Gate.RELEASE and decision.awaiting_approval:
        event = "use.draft-shown"
        use.approval_asked_at = use.approval_asked_at or at
    elif gate == Gate.RELEASE:
        use.state, use.state_at = Use.State.RELEASED, at
        use.reservations.filter(state=Reservation.State.HELD).update(state=Reservation.State.KEPT)
    use.save(update_fields=["state", "state_at", "approval_asked_at"])
    log.stage(
        type=event or f"use.{use.state}",
        at=at,
        subject_id=use.requester_id,
        rows=[use, *use.reservations.order_by("id")],
    )


def _reserve(use: Use, facts: rules.Facts, decision: rules.Decision, at: datetime) -> None:
    """Reserve one use of each other person's cameo under the grant that permits it now.

    The grant may be another one than at the gate before: that one's use is given back by this.
    """
    held = {row.cameo_id: row for row in use.reservations.all()}
    for cameo in facts.cameos:
        if cameo.owner_id == use.requester_id:
            continue
        grant_id = decision.grants.get(cameo.id)
        row = held.get(cameo.id)
        if row is None:
            Reservation.objects.create(use=use, cameo_id=cameo.id, grant_id=grant_id, created_at=at)
        elif row.grant_id != grant_id:
            Reservation.objects.filter(id=row.id).update(grant_id=grant_id)
