"""Grants: giving them, and the three acts that take them back.

Revocation is three acts, and the owner chooses (`withdrawals`). Scope: one grant, one person, or everybody
(`lockdown`: audience to `self`, all grants revoked, in one call). What an act touches: of one grant, what
was made under it; of one person, what that person made with this likeness; of everybody, what anybody but
the owner made with it.

A minor's grant is in force once the minor and a guardian have both given it; either alone may revoke.

Locks: the cameo exclusive, with the uses that the act touches, in one statement. Granting again is a new
grant; what was removed stays removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from ledger import db
from ledger.accounts.models import Account
from ledger.cameos import epochs
from ledger.cameos import queries as cameos
from ledger.cameos.models import Cameo, Terms
from ledger.cameos.rules import CLIP_SECONDS_MAX, RENDERS_MAX, TERRITORIES_MAX
from ledger.consent import rules, uses, withdrawals
from ledger.consent.errors import (
    AlreadyRevoked,
    GrantAlreadyConfirmed,
    GrantNotFound,
    GrantUnusable,
)
from ledger.consent.models import Grant, GrantConfirmation, Revocation, Use
from ledger.consent.withdrawals import STOP, Act
from ledger.db import refusing, step, use_case
from ledger.log import actions as log
from ledger.notifications import actions as notifications

__all__ = ["CLIP_SECONDS_MAX", "RENDERS_MAX", "TERRITORIES_MAX"]  # A grant's bounds are the terms'.

GRANTS_MAX = 1000  # In force of one cameo, so that all can be revoked in one transaction.
ROWS_AN_ENTRY = 100


@dataclass(frozen=True)
class GrantTerms:
    """What a grant permits. None and empty mean: no limit beyond the cameo's terms."""

    purposes: tuple[str, ...] = ("personal",)
    remix_allowed: bool = False
    renders_max: int | None = None
    renders_per_day_max: int | None = None
    seconds_max: int | None = None
    territories: tuple[str, ...] = ()
    ends_at: datetime | None = None


@dataclass(frozen=True)
class Revoked:
    """What a revocation did: the grants it ended, the work it cancelled, what it froze or withdrew."""

    grant_ids: tuple[UUID, ...]
    cancelled: tuple[UUID, ...]
    withdrawn: tuple[UUID, ...]
    frozen: int
    is_complete: bool


@use_case
def give(
    *, cameo_id: UUID, grantee_id: UUID, terms: GrantTerms, by: Account, at: datetime
) -> Grant:
    """Permit one account to use a cameo, pinned to the cameo's terms of now.

    A minor's grant is in force once both the minor and a guardian have given it: see `confirm`.

    Raises:
        GrantNotFound: no such cameo of `by`, or no such grantee.
        GrantUnusable: purposes outside the terms, a bound that is none, a period that has ended, to
            the owner or oneself, or one grant too many; `field` says which.
    """
    db.lock(exclusive=[db.cameo(cameo_id)])
    cameo = _cameo_of(cameo_id, by, at=at)
    if not Account.objects.filter(id=grantee_id, state=Account.State.ACTIVE).exists():
        raise GrantNotFound(grantee_id=grantee_id)
    pinned = _check(cameo, grantee_id, terms, by, at=at)
    grant = Grant.objects.create(
        cameo=cameo,
        grantor=by,
        grantee_id=grantee_id,
        terms=pinned,
        purposes=sorted(set(terms.purposes)),
        remix_allowed=terms.remix_allowed,
        renders_max=terms.renders_max,
        renders_per_day_max=terms.renders_per_day_max,
        seconds_max=terms.seconds_max,
        territories=sorted(set(terms.territories)),
        needs_confirmation=cameo.owner.is_minor(at=at),
        starts_at=at,
        ends_at=terms.ends_at,
        created_at=at,
    )
    log.stage(type="grant.given", at=at, subject_id=by.id, rows=[grant])
    notifications.tell(account_ids=[grantee_id], kind="grant.given", about_id=grant.id, at=at)
    return grant


def _check(
    cameo: Cameo, grantee_id: UUID, terms: GrantTerms, by: Account, *, at: datetime
) -> Terms:
    """Refuse a grant that says nothing, or more than the cameo's terms of now; return these."""
    pinned = cameo.terms
    if pinned is None:
        raise GrantUnusable(field="cameo_id")
    allowed = set(pinned.purposes) - {rules.NEVER_ALLOWED}
    bounds = {
        "purposes": bool(terms.purposes) and set(terms.purposes) <= allowed,
        "grantee_id": grantee_id not in (cameo.owner_id, by.id),
        "ends_at": terms.ends_at is None or terms.ends_at > at,
        "renders_max": _is_within(terms.renders_max, RENDERS_MAX),
        "renders_per_day_max": _is_within(terms.renders_per_day_max, RENDERS_MAX),
        "seconds_max": _is_within(terms.seconds_max, CLIP_SECONDS_MAX),
        "territories": len(terms.territories) <= TERRITORIES_MAX,
        "cameo_id": _in_force(cameo.id, at=at).count() < GRANTS_MAX,
    }
    for field, holds in bounds.items():
        if not holds:
            raise GrantUnusable(field=field)
    return pinned


def _is_within(asked: int | None, most: int) -> bool:
    return asked is None or 1 <= asked <= most


@use_case
def confirm(*, grant_id: UUID, by: Account, at: datetime) -> GrantConfirmation:
    """Give the second yes to a minor's grant: the minor's to a guardian's, or the other way round.

    Raises:
        GrantNotFound: none that waits for `by`; two guardians are not a minor and a guardian.
        GrantAlreadyConfirmed: it was confirmed.
    """
    grant = Grant.objects.select_related("cameo").filter(id=grant_id).first()
    if grant is None or grant.grantor_id == by.id or not grant.needs_confirmation:
        raise GrantNotFound(grant_id=grant_id)
    db.lock(exclusive=[db.cameo(grant.cameo_id)])
    _cameo_of(grant.cameo_id, by, at=at)
    if grant.cameo.owner_id not in (grant.grantor_id, by.id):
        raise GrantNotFound(grant_id=grant_id)
    with refusing(ledger_grantconfirmation_grant_id_key=GrantAlreadyConfirmed(grant_id=grant_id)):
        confirmation = GrantConfirmation.objects.create(grant=grant, confirmed_by=by, created_at=at)
    log.stage(type="grant.confirmed", at=at, subject_id=by.id, rows=[confirmation])
    notifications.tell(
        account_ids=[grant.grantee_id, grant.grantor_id],
        kind="grant.confirmed",
        about_id=grant.id,
        at=at,
    )
    return confirmation


def revoke(*, grant_id: UUID, act: str, reason: str, by: Account, at: datetime) -> Revoked:
    """End one grant from `at` on; the act says what becomes of what exists under it.

    Raises:
        GrantNotFound: none that `by` may revoke.
        AlreadyRevoked: the first revocation stands, and this one left no trace.
        LineageMoved: what it touches was remixed at the same moment, again and again.
    """
    return uses.retrying(
        lambda: _revoke_one(grant_id=grant_id, act=act, reason=reason, by=by, at=at)
    )


@use_case
def _revoke_one(*, grant_id: UUID, act: str, reason: str, by: Account, at: datetime) -> Revoked:
    grant = find(grant_id=grant_id, by=by, at=at)
    roots = withdrawals.lock(
        lambda: made(Q(cast__grant_id=grant_id), act=act), kind=act, also=[db.cameo(grant.cameo_id)]
    )
    if grant.revocations.exists():
        raise AlreadyRevoked(grant_id=grant_id)
    _write([grant], act=act, reason=reason, by=by, at=at)
    epochs.tighten(cameo_ids=[grant.cameo_id], cause="grant.revoked", at=at)
    return _carry([grant], roots, cameo_id=grant.cameo_id, act=act, by=by, at=at)


def revoke_person(
    *, cameo_id: UUID, grantee_id: UUID, act: str, reason: str, by: Account, at: datetime
) -> Revoked:
    """End every grant of a cameo to one person. No grant at all is no error.

    Raises:
        GrantNotFound: no such cameo of `by`.
        LineageMoved: as `revoke`.
    """
    touched = Q(cast__cameo_id=cameo_id, requester_id=grantee_id)

    @use_case
    def run() -> Revoked:
        _cameo_of(cameo_id, by, at=at)
        roots = withdrawals.lock(
            lambda: made(touched, act=act), kind=act, also=[db.cameo(cameo_id)]
        )
        ended = list(_in_force(cameo_id, at=at).filter(grantee_id=grantee_id).order_by("id"))
        _write(ended, act=act, reason=reason, by=by, at=at)
        epochs.tighten(cameo_ids=[cameo_id], cause="grant.revoked", at=at)
        return _carry(ended, roots, cameo_id=cameo_id, act=act, by=by, at=at)

    return uses.retrying(run)


def lockdown(*, cameo_id: UUID, act: str, reason: str, by: Account, at: datetime) -> Revoked:
    """The panic button: audience to `self` and every grant revoked, in one transaction.

    Raises:
        GrantNotFound: no such cameo of `by`.
        LineageMoved: as `revoke`.
    """

    @use_case
    def run() -> Revoked:
        cameo = _cameo_of(cameo_id, by, at=at)
        touched = Q(cast__cameo_id=cameo_id) & ~Q(requester_id=cameo.owner_id)
        roots = withdrawals.lock(
            lambda: made(touched, act=act), kind=act, also=[db.cameo(cameo_id)]
        )
        Cameo.objects.filter(id=cameo_id).update(audience=Cameo.Audience.SELF)
        ended = list(_in_force(cameo_id, at=at).order_by("id"))
        _write(ended, act=act, reason=reason, by=by, at=at)
        log.stage(
            type="cameo.locked-down",
            at=at,
            subject_id=cameo.owner_id,
            rows=[cameo],
            details={"act": act, "reason": reason},
        )
        epochs.tighten(cameo_ids=[cameo_id], cause="cameo.locked-down", at=at)
        return _carry(ended, roots, cameo_id=cameo_id, act=act, by=by, at=at)

    return uses.retrying(run)


def find(*, grant_id: UUID, by: Account, at: datetime) -> Grant:
    """Return a grant that `by` may revoke: of one's own cameo, or of one that one guards.

    Raises:
        GrantNotFound: there is none: these look alike.
    """
    grant = Grant.objects.filter(id=grant_id).first()
    controlled = cameos.controlled_by(account_id=by.id, at=at)
    if grant is None or not controlled.filter(id=grant.cameo_id).exists():
        raise GrantNotFound(grant_id=grant_id)
    return grant


def made(touched: Q, *, act: str) -> list[UUID]:
    """Return the uses that an act starts from: open ones, and released ones unless it is a `stop`."""
    states = {*Use.OPEN} if act == STOP else {*Use.OPEN, Use.State.RELEASED}
    found = Use.objects.filter(touched, state__in=states)
    return sorted(set(found.values_list("id", flat=True)))


@step
def _write(grants: Sequence[Grant], *, act: str, reason: str, by: Account, at: datetime) -> None:
    """Write one revocation for each grant. The cameo is locked."""
    rows = Revocation.objects.bulk_create(
        Revocation(grant=grant, revoked_by=by, act=act, reason=reason, effective_at=at)
        for grant in grants
    )
    for start in range(0, len(rows), ROWS_AN_ENTRY):
        log.stage(
            type="grant.revoked", at=at, subject_id=by.id, rows=rows[start : start + ROWS_AN_ENTRY]
        )
    for grant in grants:
        notifications.tell(
            account_ids=[grant.grantee_id], kind="grant.revoked", about_id=grant.id, at=at
        )


def _carry(
    grants: Sequence[Grant],
    roots: withdrawals.Roots,
    *,
    cameo_id: UUID,
    act: str,
    by: Account,
    at: datetime,
) -> Revoked:
    done = withdrawals.carry(
        roots, Act(act, frozenset({cameo_id}), code="consent-withdrawn", by_id=by.id), at=at
    )
    return Revoked(
        grant_ids=tuple(grant.id for grant in grants),
        cancelled=done.cancelled,
        withdrawn=done.withdrawn,
        frozen=done.frozen,
        is_complete=done.is_complete,
    )


def _in_force(cameo_id: UUID, *, at: datetime) -> QuerySet[Grant]:
    """Return the grants of a cameo that are neither revoked nor over, confirmed or not."""
    return Grant.objects.filter(cameo_id=cameo_id, revocations=None).exclude(ends_at__lte=at)


def _cameo_of(cameo_id: UUID, by: Account, *, at: datetime) -> Cameo:
    found = cameos.controlled_by(account_id=by.id, at=at).select_related("owner", "terms")
    cameo = found.filter(id=cameo_id).first()
    if cameo is None:
        raise GrantNotFound(cameo_id=cameo_id)
    return cameo
