"""Follows, blocks, standing and guardianship: facts between accounts that decisions rest on.

Each is a change to consent: it takes both accounts and both people's cameos exclusive, and what tightens
raises the epochs of both people's cameos.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger import db
from ledger.accounts.errors import AccountNotFound
from ledger.accounts.models import Account, Block, Follow, Guardianship
from ledger.cameos import epochs
from ledger.cameos.models import Cameo
from ledger.consent.errors import GuardianshipNotFound, GuardianshipUnusable, RelationUnusable
from ledger.consent.models import Use, UseCast
from ledger.db import refusing, use_case
from ledger.log import actions as log
from ledger.outbox import actions as outbox


@use_case
def follow(*, by: Account, account_id: UUID, at: datetime) -> None:
    """Follow an account. Safe to repeat.

    Raises:
        AccountNotFound: there is none.
        RelationUnusable: one's own account.
    """
    _lock(by, account_id)
    row, is_new = Follow.objects.get_or_create(
        follower=by, followed_id=account_id, defaults={"created_at": at}
    )
    if is_new:
        log.stage(type="follow.started", at=at, subject_id=by.id, rows=[row])


@use_case
def unfollow(*, by: Account, account_id: UUID, at: datetime) -> None:
    """End a follow. Safe to repeat. A tightening: `mutuals` rests on follows of now.

    Raises:
        AccountNotFound, RelationUnusable: as `follow`.
    """
    cameo_ids = _lock(by, account_id)
    row = Follow.objects.filter(follower=by, followed_id=account_id).first()
    if row is not None:
        log.stage(type="follow.ended", at=at, subject_id=by.id, deleted_rows=[row])
        row.delete()
        epochs.tighten(cameo_ids=cameo_ids, cause="follow.ended", at=at)


@use_case
def block(*, by: Account, account_id: UUID, at: datetime) -> None:
    """Block an account: no use in either direction, whatever any grant says. Safe to repeat.

    Raises:
        AccountNotFound, RelationUnusable: as `follow`.
    """
    cameo_ids = _lock(by, account_id)
    row, is_new = Block.objects.get_or_create(
        blocker=by, blocked_id=account_id, defaults={"created_at": at}
    )
    if is_new:
        log.stage(type="block.started", at=at, subject_id=by.id, rows=[row])
        epochs.tighten(cameo_ids=cameo_ids, cause="block.started", at=at)


@use_case
def unblock(*, by: Account, account_id: UUID, at: datetime) -> None:
    """End a block. Safe to repeat.

    Raises:
        AccountNotFound, RelationUnusable: as `follow`.
    """
    _lock(by, account_id)
    row = Block.objects.filter(blocker=by, blocked_id=account_id).first()
    if row is not None:
        log.stage(type="block.ended", at=at, subject_id=by.id, deleted_rows=[row])
        row.delete()


@use_case
def suspend(*, account_id: UUID, by: Account, reason: str, at: datetime) -> Account:
    """Suspend an account: its requests are denied, and its work in flight ends.

    Raises:
        AccountNotFound: there is none.
    """
    return _set_state(account_id, Account.State.SUSPENDED, by=by, reason=reason, at=at)


@use_case
def reinstate(*, account_id: UUID, by: Account, reason: str, at: datetime) -> Account:
    """End a suspension.

    Raises:
        AccountNotFound: there is none.
    """
    return _set_state(account_id, Account.State.ACTIVE, by=by, reason=reason, at=at)


@use_case
def start_guardianship(*, guardian_id: UUID, minor_id: UUID, at: datetime) -> Guardianship:
    """Let an adult answer beside a minor.

    Raises:
        AccountNotFound: one of them is not there.
        GuardianshipUnusable: the guardian is a minor, or the guarded one is not.
    """
    guardian = Account.objects.filter(id=guardian_id).first()
    if guardian is None:
        raise AccountNotFound(account_id=guardian_id)
    _lock(guardian, minor_id)
    minor = Account.objects.get(id=minor_id)
    if guardian.is_minor(at=at) or not minor.is_minor(at=at):
        raise GuardianshipUnusable(guardian_id=guardian_id, minor_id=minor_id)
    with refusing(guardianship_is_once_at_a_time=GuardianshipUnusable(minor_id=minor_id)):
        row = Guardianship.objects.create(guardian=guardian, minor=minor, starts_at=at)
    log.stage(type="guardianship.started", at=at, subject_id=minor_id, rows=[row])
    return row


@use_case
def end_guardianship(*, guardianship_id: UUID, at: datetime) -> Guardianship:
    """End a guardianship. What both have granted stays in force, until one of them revokes it.

    Raises:
        GuardianshipNotFound: there is none in force with that id.
    """
    row = Guardianship.objects.select_related("guardian").filter(id=guardianship_id).first()
    if row is None:
        raise GuardianshipNotFound(guardianship_id=guardianship_id)
    cameo_ids = _lock(row.guardian, row.minor_id)
    row.refresh_from_db(fields=["ends_at"])
    if row.ends_at is not None:
        raise GuardianshipNotFound(guardianship_id=guardianship_id)
    row.ends_at = at
    row.save(update_fields=["ends_at"])
    log.stage(type="guardianship.ended", at=at, subject_id=row.minor_id, rows=[row])
    epochs.tighten(cameo_ids=cameo_ids, cause="guardianship.ended", at=at)
    return row


def _set_state(account_id: UUID, state: str, *, by: Account, reason: str, at: datetime) -> Account:
    own = list(Cameo.objects.filter(owner_id=account_id).values_list("id", flat=True))
    db.lock(exclusive=[db.account(account_id), *map(db.cameo, own)])
    account = Account.objects.filter(id=account_id).first()
    if account is None:
        raise AccountNotFound(account_id=account_id)
    if account.state == state:
        return account
    account.state = state
    account.save(update_fields=["state"])
    log.stage(
        type=f"account.{state}",
        at=at,
        subject_id=account_id,
        rows=[account],
        details={"by": str(by.id), "reason": reason},
    )
    if state != Account.State.ACTIVE:
        epochs.tighten(cameo_ids=own, cause=f"account.{state}", at=at)
        _recheck_requested_by(account_id, at=at)
    return account


def _recheck_requested_by(account_id: UUID, *, at: datetime) -> None:
    """Owe the check of the account's own open uses: other people's cameos, so no epoch of theirs."""
    asked = UseCast.objects.filter(use__requester_id=account_id, use__state__in=Use.OPEN)
    cameo_ids = sorted({str(each) for each in asked.values_list("cameo_id", flat=True)})
    if cameo_ids:
        outbox.enqueue(topic=epochs.TOPIC, payload={"cameo_ids": cameo_ids}, at=at)


def _lock(by: Account, account_id: UUID) -> list[UUID]:
    """Lock both accounts and both people's cameos; return the cameos."""
    if by.id == account_id:
        raise RelationUnusable(account_id=account_id)
    if not Account.objects.filter(id=account_id).exists():
        raise AccountNotFound(account_id=account_id)
    cameo_ids = list(
        Cameo.objects.filter(owner_id__in=(by.id, account_id)).values_list("id", flat=True)
    )
    db.lock(exclusive=[db.account(by.id), db.account(account_id), *map(db.cameo, cameo_ids)])
    return cameo_ids
