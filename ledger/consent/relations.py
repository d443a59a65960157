"""Follows, blocks, standing and guardianship: facts between accounts that decisions rest on.

Each is a change to consent: it takes both accounts and both people's cameos exclusive, and what tightens
raises the epochs of both people's cameos.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger import db
from ledger.accounts.models import Account, Block, Follow, Guardianship
from ledger.cameos import epochs
from ledger.cameos.models import Cameo
from ledger.consent.errors import AccountNotFound, GuardianshipUnusable, RelationUnusable
from ledger.db import use_case
from ledger.log import actions as log


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
    row = Guardianship.objects.create(guardian=guardian, minor=minor, starts_at=at)
    log.stage(type="guardianship.started", at=at, subject_id=minor_id, rows=[row])
    return row


def _set_state(account_id: UUID, state: str, *, by: Account, reason: str, at: datetime) -> Account:
    found = Cameo.objects.filter(owner_id=account_id).values_list("id", flat=True)
    in_use = Cameo.objects.filter(
        uses__use__requester_id=account_id, uses__use__state__in=("requested", "dispatched")
    ).values_list("id", flat=True)
    cameo_ids = sorted({*found, *in_use})
    db.lock(exclusive=[db.account(account_id), *map(db.cameo, cameo_ids)])
    account = Account.objects.filter(id=account_id).first()
    if account is None:
        raise AccountNotFound(account_id=account_id)
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
        epochs.tighten(cameo_ids=cameo_ids, cause=f"account.{state}", at=at)
    return account


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
