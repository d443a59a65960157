"""Reads of cameos: who controls one, who may see what of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from ledger.accounts.models import Account, Block, Follow, Guardianship
from ledger.cameos.errors import CameoNotFound, EnrolmentNotFound
from ledger.cameos.models import Cameo, Enrolment, Terms
from ledger.cameos.rules import Fee, Preferences, TermsValue

LIVING = (Cameo.State.DRAFT, Cameo.State.ACTIVE, Cameo.State.SUSPENDED)


@dataclass(frozen=True)
class PublicCameo:
    """What anybody who is signed in may see of an active cameo: nothing free-text, no state."""

    id: UUID
    owner_id: UUID
    handle: str
    display_name: str
    audience: str
    may_ask: bool
    terms: Terms


def controlled_by(*, account_id: UUID, at: datetime) -> QuerySet[Cameo]:
    """Return the cameos that an account may change: its own, and those of minors it guards now."""
    guarding = guardianships(at=at).filter(guardian_id=account_id, minor_id=OuterRef("owner_id"))
    adult_on = _eighteen_years_before(at)
    of_minors = Q(owner__born_on__gt=adult_on) & Exists(guarding)
    return Cameo.objects.filter(Q(owner_id=account_id) | of_minors)


def guardianships(*, at: datetime) -> QuerySet[Guardianship]:
    """Return the guardianships in force at `at`."""
    return Guardianship.objects.filter(starts_at__lte=at).exclude(ends_at__lte=at)


def controlled(*, cameo_id: UUID, by: UUID, at: datetime) -> Cameo:
    """Return a cameo that `by` may change. One query.

    Raises:
        CameoNotFound: it is not there, or `by` is neither its owner nor the guardian of its minor.
    """
    found = controlled_by(account_id=by, at=at).select_related("owner", "terms")
    cameo = found.filter(id=cameo_id).first()
    if cameo is None:
        raise CameoNotFound(cameo_id=cameo_id)
    return cameo


def own(*, account_id: UUID) -> Cameo:
    """Return the account's one living cameo.

    Raises:
        CameoNotFound: it has none.
    """
    cameo = (
        Cameo.objects.select_related("owner", "terms")
        .filter(owner_id=account_id, state__in=LIVING)
        .first()
    )
    if cameo is None:
        raise CameoNotFound
    return cameo


def seen_by(*, viewer_id: UUID, at: datetime, **which: object) -> PublicCameo:
    """Return what `viewer_id` may see of the active cameo that `which` names (`id`, `owner__handle`).

    A person who is blocked, or blocks, sees nothing; an adult sees no minor's cameo unless the
    minor follows them.

    Raises:
        CameoNotFound: there is none that this viewer may see.
    """
    cameo = (
        Cameo.objects.select_related("owner", "terms")
        .filter(state=Cameo.State.ACTIVE, **which)
        .first()
    )
    if cameo is None or cameo.terms is None or not _is_visible(cameo, viewer_id, at):
        raise CameoNotFound(**which)
    return PublicCameo(
        id=cameo.id,
        owner_id=cameo.owner_id,
        handle=cameo.owner.handle,
        display_name=cameo.owner.display_name,
        audience=cameo.audience,
        may_ask=cameo.audience != Cameo.Audience.SELF,
        terms=cameo.terms,
    )


def _is_visible(cameo: Cameo, viewer_id: UUID, at: datetime) -> bool:
    one, other = cameo.owner_id, viewer_id
    if Block.objects.filter(
        Q(blocker_id=one, blocked_id=other) | Q(blocker_id=other, blocked_id=one)
    ).exists():
        return False
    if not cameo.owner.is_minor(at=at):
        return True
    viewer = Account.objects.get(id=viewer_id)
    return (
        viewer.is_minor(at=at) or Follow.objects.filter(follower_id=one, followed_id=other).exists()
    )


def enrolment_of(*, enrolment_id: UUID, account_id: UUID) -> Enrolment:
    """Return an enrolment of the account's own.

    Raises:
        EnrolmentNotFound: it is not there, or somebody else's.
    """
    found = Enrolment.objects.filter(id=enrolment_id, account_id=account_id).first()
    if found is None:
        raise EnrolmentNotFound(enrolment_id=enrolment_id)
    return found


def preferences_of(cameo_id: UUID) -> Preferences:
    """Return the preferences that travel with a render job of a cameo.

    Raises:
        CameoNotFound: there is no such cameo.
    """
    kept = Cameo.objects.filter(id=cameo_id).values_list("preferences", flat=True).first()
    if kept is None:
        raise CameoNotFound(cameo_id=cameo_id)
    return Preferences(**kept)


def value_of(terms: Terms) -> TermsValue:
    """Return what a terms row says, as the rules read it."""
    return TermsValue(
        purposes=frozenset(terms.purposes),
        remix_allowed=terms.remix_allowed,
        draft_approval=terms.draft_approval,
        forbidden_topics=frozenset(terms.forbidden_topics),
        territories=frozenset(terms.territories),
        seconds_max=terms.seconds_max,
        renders_max=terms.renders_max,
        renders_per_day_max=terms.renders_per_day_max,
        fees={purpose: Fee(**fee) for purpose, fee in terms.fees.items()},
        training_allowed=terms.training_allowed,
    )


def _eighteen_years_before(at: datetime) -> datetime:
    """Return the last birthday on which somebody is 18 at `at`; who was born later is a minor."""
    day = 28 if (at.month, at.day) == (2, 29) else at.day
    return at.replace(year=at.year - 18, day=day)
