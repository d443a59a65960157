"""Grants: giving them, and the three acts that take them back.

Revocation is three acts, and the owner chooses: *stop* (always: no new use, work in flight is cancelled),
*freeze* (also: what exists under the grant can't be remixed any more), *remove* (also: what exists under it
is withdrawn, with every descendant that still contains this likeness). Scope: one grant, one person, or
everybody (`lockdown`: audience to `self`, all grants revoked, in one call).

Locks: the cameo exclusive, with the uses that the act touches, in one statement. Granting again is a new
grant; what was removed stays removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger import db
from ledger.accounts.models import Account, Guardianship
from ledger.cameos import epochs
from ledger.cameos.models import Cameo
from ledger.consent import queries, rules, uses
from ledger.consent.errors import (
    AlreadyRevoked,
    GrantAlreadyConfirmed,
    GrantNotFound,
    GrantUnusable,
)
from ledger.consent.models import Grant, GrantConfirmation, Revocation, Use, UseCast
from ledger.db import refusing, step, use_case
from ledger.log import actions as log
from ledger.notifications import actions as notifications


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
class Preview:
    """What an act would touch: released renders, their descendants, open work, licences of these."""

    released: int
    descendants: int
    open: int


@dataclass(frozen=True)
class Revoked:
    """What a revocation did: the grants it ended, how many uses it froze, which it withdrew."""

    grant_ids: tuple[UUID, ...]
    frozen: int
    withdrawn: tuple[UUID, ...]


@use_case
def give(
    *, cameo_id: UUID, grantee_id: UUID, terms: GrantTerms, by: Account, at: datetime
) -> Grant:
    """Permit one account to use a cameo, pinned to the cameo's terms of now.

    A minor's grant is in force once both the minor and a guardian have given it: see `confirm`.

    Raises:
        GrantNotFound: no such cameo of `by`, or no such grantee.
        GrantUnusable: purposes outside the terms, a period that has ended, or to the owner.
    """
    db.lock(exclusive=[db.cameo(cameo_id)])
    cameo = _cameo_of(cameo_id, by, at=at)
    if not Account.objects.filter(id=grantee_id, state="active").exists():
        raise GrantNotFound(grantee_id=grantee_id)
    if cameo.terms is None or not terms.purposes or grantee_id == cameo.owner_id:
        raise GrantUnusable(cameo_id=cameo_id)
    if not set(terms.purposes) <= set(cameo.terms.purposes) - {rules.NEVER_ALLOWED}:
        raise GrantUnusable(cameo_id=cameo_id, purposes=cameo.terms.purposes)
    if terms.ends_at is not None and terms.ends_at <= at:
        raise GrantUnusable(cameo_id=cameo_id, ends_at=terms.ends_at.isoformat())
    grant = Grant.objects.create(
        cameo=cameo,
        grantor=by,
        grantee_id=grantee_id,
        terms=cameo.terms,
        purposes=list(terms.purposes),
        remix_allowed=terms.remix_allowed,
        renders_max=terms.renders_max,
        renders_per_day_max=terms.renders_per_day_max,
        seconds_max=terms.seconds_max,
        territories=list(terms.territories),
        starts_at=at,
        ends_at=terms.ends_at,
        created_at=at,
    )
    log.stage(type="grant.given", at=at, subject_id=by.id, rows=[grant])
    notifications.tell(account_ids=[grantee_id], kind="grant.given", about_id=grant.id, at=at)
    return grant


@use_case
def confirm(*, grant_id: UUID, by: Account, at: datetime) -> GrantConfirmation:
    """Give the second yes to a minor's grant.

    Raises:
        GrantNotFound: none that waits for `by`.
        GrantAlreadyConfirmed: it was confirmed.
    """
    grant = Grant.objects.select_related("cameo").filter(id=grant_id).first()
    if grant is None or grant.grantor_id == by.id:
        raise GrantNotFound(grant_id=grant_id)
    db.lock(exclusive=[db.cameo(grant.cameo_id)])
    _cameo_of(grant.cameo_id, by, at=at)
    with refusing(ledger_grantconfirmation_grant_id_key=GrantAlreadyConfirmed(grant_id=grant_id)):
        confirmation = GrantConfirmation.objects.create(grant=grant, confirmed_by=by, created_at=at)
    log.stage(type="grant.confirmed", at=at, subject_id=by.id, rows=[confirmation])
    return confirmation


def preview(*, grant_id: UUID, by: Account, at: datetime) -> Preview:
    """Return what revoking a grant would touch, by the three acts.

    Raises:
        GrantNotFound: none that `by` may revoke.
    """
    grant = _grant_of(grant_id, by, at=at)
    rows = dict(UseCast.objects.filter(grant=grant).values_list("use_id", "use__state"))
    released = [use_id for use_id, state in rows.items() if state == Use.State.RELEASED]
    tree = set(queries.descendant_ids(use_ids=released)) - set(released)
    containing = UseCast.objects.filter(
        use_id__in=tree, cameo_id=grant.cameo_id, use__state=Use.State.RELEASED
    ).count()
    return Preview(
        released=len(released),
        descendants=containing,
        open=sum(state in Use.OPEN for state in rows.values()),
    )


@use_case
def revoke(*, grant_id: UUID, act: str, reason: str, by: Account, at: datetime) -> Revoked:
    """End one grant from `at` on; the act says what becomes of what exists under it.

    Raises:
        GrantNotFound: none that `by` may revoke.
        AlreadyRevoked: the first revocation stands, and this one left no trace.
    """
    grant = _grant_of(grant_id, by, at=at)
    tree = _lock(grant.cameo_id, [grant.id])
    if grant.revocations.exists():
        raise AlreadyRevoked(grant_id=grant_id)
    return _revoke([grant], tree, act=act, reason=reason, by=by, at=at)


@use_case
def revoke_person(
    *, cameo_id: UUID, grantee_id: UUID, act: str, reason: str, by: Account, at: datetime
) -> Revoked:
    """End every grant of a cameo to one person. No grant at all is no error.

    Raises:
        GrantNotFound: no such cameo of `by`.
    """
    _cameo_of(cameo_id, by, at=at)
    found = Grant.objects.filter(cameo_id=cameo_id, grantee_id=grantee_id, revocations=None)
    tree = _lock(cameo_id, found.values_list("id", flat=True))
    return _revoke(list(found.order_by("id")), tree, act=act, reason=reason, by=by, at=at)


@use_case
def lockdown(*, cameo_id: UUID, act: str, reason: str, by: Account, at: datetime) -> Revoked:
    """The panic button: audience to `self` and every grant revoked, in one transaction.

    Raises:
        GrantNotFound: no such cameo of `by`.
    """
    _cameo_of(cameo_id, by, at=at)
    found = Grant.objects.filter(cameo_id=cameo_id, revocations=None)
    tree = _lock(cameo_id, found.values_list("id", flat=True))
    cameo = Cameo.objects.get(id=cameo_id)
    cameo.audience = Cameo.Audience.SELF
    cameo.save(update_fields=["audience"])
    log.stage(
        type="cameo.locked-down", at=at, subject_id=by.id, rows=[cameo], details={"reason": reason}
    )
    revoked = _revoke(list(found.order_by("id")), tree, act=act, reason=reason, by=by, at=at)
    epochs.tighten(cameo_ids=[cameo_id], cause="cameo.locked-down", at=at)
    return revoked


@step
def _revoke(
    grants: Sequence[Grant],
    tree: Sequence[UUID],
    *,
    act: str,
    reason: str,
    by: Account,
    at: datetime,
) -> Revoked:
    """Write the revocations and do their act. All locks are held."""
    rows = Revocation.objects.bulk_create(
        Revocation(grant=grant, revoked_by=by, act=act, reason=reason, effective_at=at)
        for grant in grants
    )
    for row in rows:
        log.stage(type="grant.revoked", at=at, subject_id=by.id, rows=[row])
    cameo_ids = {grant.cameo_id for grant in grants}
    made = list(
        UseCast.objects.filter(grant__in=grants, use__state=Use.State.RELEASED).values_list(
            "use_id", flat=True
        )
    )
    frozen, withdrawn = 0, []
    if act in (Revocation.Act.FREEZE, Revocation.Act.REMOVE):
        frozen = uses.freeze(made, by=by, at=at)
    if act == Revocation.Act.REMOVE:
        for cameo_id in cameo_ids:
            withdrawn += uses.withdraw_containing(
                tree, roots=made, cameo_id=cameo_id, code="grant-revoked", at=at
            )
    epochs.tighten(cameo_ids=cameo_ids, cause="grant.revoked", at=at)
    for grant in grants:
        notifications.tell(
            account_ids=[grant.grantee_id], kind="grant.revoked", about_id=grant.id, at=at
        )
    return Revoked(tuple(grant.id for grant in grants), frozen, tuple(withdrawn))


def _lock(cameo_id: UUID, grant_ids: Iterable[UUID]) -> list[UUID]:
    """Lock the cameo, and everything made under the grants with its descendants, in one statement."""
    identities = list(grant_ids)

    def made() -> list[UUID]:
        return list(
            UseCast.objects.filter(grant_id__in=identities).values_list("use_id", flat=True)
        )

    return uses.lock_tree(made(), also=[db.cameo(cameo_id)], roots=made)


def _grant_of(grant_id: UUID, by: Account, *, at: datetime) -> Grant:
    grant = Grant.objects.select_related("cameo__owner").filter(id=grant_id).first()
    if grant is None or not may_act_for(grant.cameo, by, at=at):
        raise GrantNotFound(grant_id=grant_id)
    return grant


def _cameo_of(cameo_id: UUID, by: Account, *, at: datetime) -> Cameo:
    cameo = Cameo.objects.select_related("owner", "terms").filter(id=cameo_id).first()
    if cameo is None or not may_act_for(cameo, by, at=at):
        raise GrantNotFound(cameo_id=cameo_id)
    return cameo


def may_act_for(cameo: Cameo, by: Account, *, at: datetime) -> bool:
    """Return whether `by` controls a cameo: its owner, or a guardian while the owner is a minor."""
    if cameo.owner_id == by.id:
        return True
    return (
        cameo.owner.is_minor(at=at)
        and Guardianship.objects.filter(
            guardian=by, minor_id=cameo.owner_id, starts_at__lte=at, ends_at=None
        ).exists()
    )
