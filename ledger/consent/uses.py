"""What co-owners may do with a use: see it, withdraw it, lock it against remix, answer its draft.

Co-owners are the owners of the cast's cameos and the requester. Delete wins: nobody votes for another's
face. A withdrawn use stays in its descendants' lineage as a tombstone; a descendant stays unless it contains
the likeness of the one who withdrew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from ledger import db
from ledger.accounts.models import Account
from ledger.cameos import epochs
from ledger.cameos.models import Cameo
from ledger.consent import withdrawals
from ledger.consent.errors import (
    AlreadyLocked,
    LineageMoved,
    NothingToApprove,
    UseNotFound,
)
from ledger.consent.models import Approval, RemixLock, Use, UseCast
from ledger.consent.owners import co_owner_ids, is_co_owner, tell_co_owners
from ledger.consent.withdrawals import FREEZE, REMOVE, Act, Done, Roots
from ledger.db import refusing, step, use_case
from ledger.log import actions as log
from ledger.outbox import actions as outbox

__all__ = ["co_owner_ids", "is_co_owner", "tell_co_owners"]  # Asked of this module by others.

APPROVAL_PERIOD = timedelta(days=7)
TRIES_MAX = 3

R = TypeVar("R")


def retrying(act: Callable[[], R]) -> R:
    """Return what `act`, a whole transaction, returns; try again where the lineage grew under it.

    Raises:
        LineageMoved: it grew `TRIES_MAX` times.
    """
    for _ in range(TRIES_MAX - 1):
        try:
            return act()
        except LineageMoved:
            continue
    return act()


def withdraw(*, use_id: UUID, by: Account, reason: str, at: datetime) -> Done:
    """Withdraw a use, with each descendant that contains the likeness of `by`. Safe to repeat.

    A use that is not released yet is cancelled. A requester without a likeness in it withdraws that
    use alone; its descendants stay. Remixes of it in flight are cancelled.

    Raises:
        UseNotFound: it is not there, or `by` is no co-owner of it: these look alike.
        LineageMoved: it was remixed at the same moment, again and again.
    """
    return retrying(lambda: _withdraw(use_id=use_id, by=by, reason=reason, at=at))


@use_case
def _withdraw(*, use_id: UUID, by: Account, reason: str, at: datetime) -> Done:
    roots = withdrawals.lock(lambda: [use_id], always=[use_id])
    _demand_co_owner(use_id, by)
    own = frozenset(Cameo.objects.filter(owner_id=by.id).values_list("id", flat=True))
    log.stage(
        type="use.withdrawal",
        at=at,
        subject_id=by.id,
        details={"use_id": str(use_id), "reason": reason},
    )
    act = Act(REMOVE, own, code="withdrawn-by-co-owner", by_id=by.id)
    return withdrawals.carry(roots, act, at=at)


@step
def lock_lineage(*, use_id: UUID) -> Roots:
    """Take every lock that a hold or a withdrawal by a case needs, in one statement.

    Raises:
        LineageMoved: it was remixed at the same moment; try the whole transaction again.
    """
    return withdrawals.lock(lambda: [use_id], also=[db.PROHIBITIONS], always=[use_id])


@step
def withdraw_by_case(*, use_id: UUID, case_id: UUID, code: str, at: datetime) -> Done:
    """Withdraw what a takedown named, with each descendant that contains anybody of its cast."""
    roots = lock_lineage(use_id=use_id)
    cast = frozenset(UseCast.objects.filter(use_id=use_id).values_list("cameo_id", flat=True))
    log.stage(
        type="use.withdrawal",
        at=at,
        subject_id=None,
        details={"use_id": str(use_id), "case_id": str(case_id), "code": code},
    )
    return withdrawals.carry(roots, Act(REMOVE, cast, code=code, by_id=None), at=at)


def lock_remix(*, use_id: UUID, by: Account, at: datetime) -> Done:
    """Forbid remixing a use and all that descends from it; remixes in flight are cancelled.

    Raises:
        UseNotFound: it is not there, or `by` is no co-owner of it.
        AlreadyLocked: `by` has locked it.
        LineageMoved: it was remixed at the same moment, again and again.
    """
    return retrying(lambda: _lock_remix(use_id=use_id, by=by, at=at))


@use_case
def _lock_remix(*, use_id: UUID, by: Account, at: datetime) -> Done:
    cast = list(UseCast.objects.filter(use_id=use_id).values_list("cameo_id", flat=True))
    roots = withdrawals.lock(lambda: [use_id], also=map(db.cameo, cast), always=[use_id])
    _demand_co_owner(use_id, by)
    with refusing(remix_lock_once_per_person=AlreadyLocked(use_id=use_id)):
        lock = RemixLock.objects.create(use_id=use_id, locked_by=by, starts_at=at)
    log.stage(type="use.remix-locked", at=at, subject_id=by.id, rows=[lock])
    epochs.tighten(cameo_ids=cast, cause="use.remix-locked", at=at)
    act = Act(FREEZE, frozenset(), code="remix-locked", by_id=by.id)
    return withdrawals.carry_below(roots, act, at=at)


@use_case
def unlock_remix(*, use_id: UUID, by: Account, at: datetime) -> None:
    """End one's own remix lock; nothing happens where there is none.

    Raises:
        UseNotFound: it is not there, or `by` is no co-owner of it.
    """
    db.lock(exclusive=[db.use(use_id)])
    _demand_co_owner(use_id, by)
    lock = RemixLock.objects.filter(use_id=use_id, locked_by=by, ends_at=None).first()
    if lock is not None:
        lock.ends_at = at
        lock.save(update_fields=["ends_at"])
        log.stage(type="use.remix-unlocked", at=at, subject_id=by.id, rows=[lock])


@use_case
def approve(*, use_id: UUID, by: Account, is_approved: bool, at: datetime) -> Approval:
    """Answer a draft, once, for one's own cameo in it. The last yes lets RELEASE be asked again.

    Raises:
        UseNotFound: it is not there, or `by` owns no cameo in it.
        NothingToApprove: it is not waiting, or was answered before.
    """
    db.lock(exclusive=[db.use(use_id)])
    cast = UseCast.objects.filter(use_id=use_id, cameo__owner=by).select_related("use").first()
    if cast is None:
        raise UseNotFound(use_id=use_id)
    if cast.use.state != Use.State.DISPATCHED or cast.use.approval_asked_at is None:
        raise NothingToApprove(use_id=use_id)
    with refusing(approval_once_per_cameo=NothingToApprove(use_id=use_id)):
        approval = Approval.objects.create(
            use_id=use_id,
            cameo_id=cast.cameo_id,
            approver=by,
            is_approved=is_approved,
            created_at=at,
        )
    log.stage(type="use.draft-answered", at=at, subject_id=by.id, rows=[approval])
    # RELEASE decides what the answers come to: a refusal ends the use there.
    outbox.enqueue(topic="use.approved", payload={"use_id": str(use_id)}, at=at)
    return approval


def find(*, use_id: UUID) -> Use:
    """Return a use to somebody who may see all.

    Raises:
        UseNotFound: it is not there.
    """
    use = Use.objects.filter(id=use_id).first()
    if use is None:
        raise UseNotFound(use_id=use_id)
    return use


def get_for(*, use_id: UUID, account_id: UUID) -> Use:
    """Return a use to one of its co-owners.

    Raises:
        UseNotFound: it is not there, or not theirs: these look alike.
    """
    use = Use.objects.filter(id=use_id).first()
    if use is None or not is_co_owner(use_id=use_id, account_id=account_id):
        raise UseNotFound(use_id=use_id)
    return use


def _demand_co_owner(use_id: UUID, by: Account) -> None:
    if not is_co_owner(use_id=use_id, account_id=by.id):
        raise UseNotFound(use_id=use_id)
