"""What co-owners may do with a use: see it, withdraw it, lock it against remix, answer its draft.

Co-owners are the owners of the cast's cameos and the requester. Delete wins: nobody votes for another's
face. A withdrawn use stays in its descendants' lineage as a tombstone; a descendant stays unless it contains
the likeness of the one who withdrew.

Locks: the whole tree of descendants exclusive, in one statement, before anything is read. A remix that
was requested between finding the tree and locking it is seen after, and the act is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from ledger import db
from ledger.accounts.models import Account
from ledger.cameos import epochs
from ledger.cameos.models import Cameo
from ledger.consent import gates, queries
from ledger.consent.errors import (
    AlreadyLocked,
    LineageMoved,
    NotCoOwner,
    NothingToApprove,
    UseNotFound,
)
from ledger.consent.models import Approval, RemixLock, Use, UseCast
from ledger.db import refusing, step, use_case
from ledger.log import actions as log
from ledger.notifications import actions as notifications
from ledger.outbox import actions as outbox

APPROVAL_PERIOD = timedelta(days=7)


def co_owner_ids(*, use_id: UUID) -> frozenset[UUID]:
    """Return the accounts that own a use together: its requester and its cast's owners."""
    owners = Cameo.objects.filter(uses__use_id=use_id).values_list("owner_id", flat=True)
    requester = Use.objects.filter(id=use_id).values_list("requester_id", flat=True)
    return frozenset((*owners, *requester))


def is_co_owner(*, use_id: UUID, account_id: UUID) -> bool:
    """Return whether an account is one of a use's co-owners."""
    return account_id in co_owner_ids(use_id=use_id)


@use_case
def withdraw(*, use_id: UUID, by: Account, reason: str, at: datetime) -> list[UUID]:
    """Withdraw a use, with each descendant that contains the likeness of `by`. Safe to repeat.

    Returns the ids of what was withdrawn now. A requester without a likeness in it withdraws that use
    alone; its descendants stay.

    Raises:
        NotCoOwner: `by` is no co-owner of it, or it is not there.
        LineageMoved: it was remixed at the same moment.
    """
    tree = lock_tree([use_id])
    if not is_co_owner(use_id=use_id, account_id=by.id):
        raise NotCoOwner(use_id=use_id)
    own = set(Cameo.objects.filter(owner_id=by.id).values_list("id", flat=True))
    log.stage(
        type="use.withdrawal",
        at=at,
        subject_id=by.id,
        details={"use_id": str(use_id), "by": str(by.id), "reason": reason},
    )
    return _withdraw(tree, roots={use_id}, cameo_ids=own, code="withdrawn-by-co-owner", at=at)


@step
def withdraw_by_case(*, use_id: UUID, case_id: UUID, code: str, at: datetime) -> list[UUID]:
    """Withdraw what a takedown named, with each descendant that contains anybody of its cast."""
    tree = lock_lineage(use_id=use_id)
    cast = set(UseCast.objects.filter(use_id=use_id).values_list("cameo_id", flat=True))
    return _withdraw(tree, roots={use_id}, cameo_ids=cast, code=code, at=at)


@step
def withdraw_containing(
    tree: Sequence[UUID], *, roots: Iterable[UUID], cameo_id: UUID, code: str, at: datetime
) -> list[UUID]:
    """Withdraw those of `roots` and of their descendants in `tree` that contain a cameo. Locks held."""
    return _withdraw(tree, roots=set(roots), cameo_ids={cameo_id}, code=code, at=at)


@step
def lock_lineage(*, use_id: UUID) -> list[UUID]:
    """Take every lock that a hold or a withdrawal by a case needs. Returns the tree of descendants."""
    return lock_tree([use_id], prohibitions=True)


@step
def lock_tree(
    use_ids: Sequence[UUID],
    *,
    prohibitions: bool = False,
    also: Iterable[db.Key] = (),
    roots: Callable[[], Sequence[UUID]] | None = None,
) -> list[UUID]:
    """Lock uses and their descendants exclusive, in one statement. Returns them all, by id.

    Args:
        also: other keys to take exclusive in the same statement.
        roots: reads the roots again under the locks, where they may have changed.

    Raises:
        LineageMoved: the tree grew between reading and locking it.
    """
    tree = queries.descendant_ids(use_ids=use_ids)
    db.lock(
        exclusive=[
            *([db.PROHIBITIONS] if prohibitions else []),
            *map(db.use, (*use_ids, *tree)),
            *also,
        ]
    )
    after = queries.descendant_ids(use_ids=roots() if roots else use_ids)
    if not set(after) <= set(tree):
        raise LineageMoved
    return after


@use_case
def lock_remix(*, use_id: UUID, by: Account, at: datetime) -> RemixLock:
    """Forbid remixing a use and all that descends from it; remixes in flight are cancelled.

    Raises:
        NotCoOwner: `by` is no co-owner of it, or it is not there.
        AlreadyLocked: `by` has locked it.
    """
    cast = list(UseCast.objects.filter(use_id=use_id).values_list("cameo_id", flat=True))
    lock_tree([use_id], also=[db.cameo(cameo_id) for cameo_id in cast])
    if not is_co_owner(use_id=use_id, account_id=by.id):
        raise NotCoOwner(use_id=use_id)
    with refusing(remix_lock_once_per_person=AlreadyLocked(use_id=use_id)):
        lock = RemixLock.objects.create(use_id=use_id, locked_by=by, starts_at=at)
    log.stage(type="use.remix-locked", at=at, subject_id=by.id, rows=[lock])
    epochs.tighten(cameo_ids=cast, cause="use.remix-locked", at=at)
    return lock


@step
def freeze(use_ids: Iterable[UUID], *, by: Account, at: datetime) -> int:
    """Lock uses against remix on behalf of `by`, where they are not yet. Locks held. Returns how many."""
    locked = set(
        RemixLock.objects.filter(use_id__in=use_ids, locked_by=by, ends_at=None).values_list(
            "use_id", flat=True
        )
    )
    rows = RemixLock.objects.bulk_create(
        RemixLock(use_id=use_id, locked_by=by, starts_at=at)
        for use_id in sorted(set(use_ids) - locked)
    )
    if rows:
        log.stage(type="use.remix-locked", at=at, subject_id=by.id, rows=rows)
    return len(rows)


@use_case
def unlock_remix(*, use_id: UUID, by: Account, at: datetime) -> None:
    """End one's own remix lock; nothing happens where there is none.

    Raises:
        NotCoOwner: `by` is no co-owner of it, or it is not there.
    """
    db.lock(exclusive=[db.use(use_id)])
    if not is_co_owner(use_id=use_id, account_id=by.id):
        raise NotCoOwner(use_id=use_id)
    lock = RemixLock.objects.filter(use_id=use_id, locked_by=by, ends_at=None).first()
    if lock is not None:
        lock.ends_at = at
        lock.save(update_fields=["ends_at"])
        log.stage(type="use.remix-unlocked", at=at, subject_id=by.id, rows=[lock])


@use_case
def approve(*, use_id: UUID, by: Account, is_approved: bool, at: datetime) -> Approval:
    """Answer a draft, once, for one's own cameo in it. The last yes lets RELEASE be asked again.

    Raises:
        NotCoOwner: `by` owns no cameo in it, or it is not there.
        NothingToApprove: it is not waiting, or was answered before.
    """
    db.lock(exclusive=[db.use(use_id)])
    cast = UseCast.objects.filter(use_id=use_id, cameo__owner=by).select_related("use").first()
    if cast is None:
        raise NotCoOwner(use_id=use_id)
    if cast.use.state != Use.State.DISPATCHED:
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


@step
def tell_co_owners(
    *, use_id: UUID, kind: str, at: datetime, details: dict[str, object] | None = None
) -> None:
    """Tell every co-owner of a use what happened to it."""
    notifications.tell(
        account_ids=co_owner_ids(use_id=use_id),
        kind=kind,
        about_id=use_id,
        details=details or {},
        at=at,
    )


def _withdraw(
    tree: Sequence[UUID], *, roots: set[UUID], cameo_ids: set[UUID], code: str, at: datetime
) -> list[UUID]:
    """Withdraw or cancel the roots, and what of the tree contains one of the cameos."""
    containing = set(
        UseCast.objects.filter(use_id__in=tree, cameo_id__in=cameo_ids).values_list(
            "use_id", flat=True
        )
    )
    ended = []
    for use in Use.objects.filter(id__in=(roots | containing) & set(tree)).order_by("id"):
        if use.state == Use.State.RELEASED:
            gates.finish(use, state=Use.State.WITHDRAWN, code=code, at=at)
        elif use.state in Use.OPEN:
            gates.finish(use, state=Use.State.CANCELLED, code=code, at=at)
        else:
            continue
        tell_co_owners(use_id=use.id, kind=f"use.{use.state}", at=at)
        ended.append(use.id)
    # Remixes in flight of what was withdrawn are decided again by their own RELEASE.
    return ended


def get_for(*, use_id: UUID, account_id: UUID) -> Use:
    """Return a use to one of its co-owners.

    Raises:
        UseNotFound: it is not there, or not theirs: these look alike.
    """
    use = Use.objects.filter(id=use_id).first()
    if use is None or not is_co_owner(use_id=use_id, account_id=account_id):
        raise UseNotFound(use_id=use_id)
    return use
