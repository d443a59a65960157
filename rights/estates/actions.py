"""Claims to speak for somebody who has died, and what staff make of them.

Two accepted claims on one person are a dispute: both are marked so, and no use of that person's cameo
is allowed until it is settled (`queries.prohibitions` denies). One person is one name with the same
dates, or one cameo. Nobody with a claim on a person decides the claims of others on that person.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from ledger import db
from ledger.accounts.models import Account
from ledger.cameos import epochs
from ledger.cameos.models import Cameo
from ledger.db import refusing, use_case
from ledger.log import actions as log
from rights.estates import rules
from rights.estates.errors import (
    ClaimClosed,
    ClaimRepeated,
    ClaimUnusable,
    EstateNotFound,
    ProtectionEnded,
    SelfVerification,
)
from rights.estates.models import Estate
from rights.optouts import screening


@use_case
def claim(
    *,
    claimant: Account,
    person_name: str,
    born_on: date | None,
    died_on: date,
    domicile: str,
    basis: str,
    share_bps: int,
    registered_on: date | None,
    proof_of_death: str,
    cameo: Cameo | None,
    at: datetime,
) -> Estate:
    """File a claim; it gives no power until staff verify it.

    Raises:
        ClaimUnusable: see `check`.
        ClaimRepeated: this claimant has a living claim on this person.
    """
    domicile = domicile.upper()
    check(person_name=person_name, domicile=domicile, died_on=died_on, at=at)
    skeleton = screening.name(person_name)
    with refusing(claimant_claims_a_person_once=ClaimRepeated(claimant_id=claimant.id)):
        estate = Estate.objects.create(
            claimant=claimant,
            person_name=person_name,
            person_key=f"{skeleton}|{born_on or ''}|{died_on}",
            born_on=born_on,
            died_on=died_on,
            domicile=domicile,
            basis=basis,
            share_bps=share_bps,
            registered_on=registered_on,
            proof_of_death=proof_of_death,
            cameo=cameo,
            state_at=at,
            created_at=at,
        )
    log.stage(type="estate.claimed", at=at, subject_id=claimant.id, rows=[estate])
    return estate


def check(*, person_name: str, domicile: str, died_on: date, at: datetime) -> None:
    """Refuse a claim that nobody could decide.

    Raises:
        ClaimUnusable: no name or too long a one, a domicile without a code, a death in the future.
    """
    is_named = len(person_name) <= screening.NAME_CHARACTERS_MAX and screening.name(person_name)
    if not is_named or not rules.is_domicile(domicile) or died_on > at.date():
        raise ClaimUnusable


@use_case
def verify(*, estate_id: UUID, by: Account, at: datetime) -> Estate:
    """Accept a claim: it may act from now on; beside another accepted one all become disputed.

    Raises:
        EstateNotFound: there is none.
        SelfVerification: `by` has a claim on this person.
        ClaimClosed: it is not waiting for a decision.
        ProtectionEnded: the domicile's rule protects nothing any more.
    """
    estate = _locked(estate_id)
    _demand_disinterest(estate, by)
    if estate.state != Estate.State.SUBMITTED:
        raise ClaimClosed(estate_id=estate_id, state=estate.state)
    term = rules.term(
        domicile=estate.domicile, died_on=estate.died_on, registered_on=estate.registered_on
    )
    if term.has_ended(on=at.date()):
        raise ProtectionEnded(estate_id=estate_id, until=str(term.until))
    others = list(
        _same_person(estate)
        .select_for_update()
        .filter(state__in=(Estate.State.VERIFIED, Estate.State.DISPUTED))
        .order_by("id")
    )
    estate.state = Estate.State.DISPUTED if others else Estate.State.VERIFIED
    estate.state_at, estate.verified_by, estate.protected_until = at, by, term.until
    estate.save(update_fields=["state", "state_at", "verified_by", "protected_until"])
    for other in others:
        other.state, other.state_at = Estate.State.DISPUTED, at
        other.save(update_fields=["state", "state_at"])
    log.stage(
        type=f"estate.{estate.state}",
        at=at,
        subject_id=estate.claimant_id,
        rows=[estate, *others],
        details={"by": str(by.id), "term": term.reason, "source": term.source or ""},
    )
    if others:
        epochs.tighten(
            cameo_ids={each.cameo_id for each in (estate, *others) if each.cameo_id},
            cause="estate.disputed",
            at=at,
        )
    return estate


@use_case
def reject(*, estate_id: UUID, by: Account, reason: str, at: datetime) -> Estate:
    """Refuse a claim, or end one that was accepted. The one that is left of a dispute is settled.

    A claimant may give up its own.

    Raises:
        EstateNotFound: there is none.
        SelfVerification: `by` has another claim on this person.
        ClaimClosed: it was refused or ended already.
    """
    estate = _locked(estate_id)
    if estate.claimant_id != by.id:
        _demand_disinterest(estate, by)
    was_waiting = estate.state == Estate.State.SUBMITTED
    to = Estate.State.REJECTED if was_waiting else Estate.State.ENDED
    if not rules.may_go(estate.state, to):
        raise ClaimClosed(estate_id=estate_id, state=estate.state)
    estate.state, estate.state_at = to, at
    estate.save(update_fields=["state", "state_at"])
    settled = [each for each in _disputed_with(estate) if not _disputed_with(each)]
    for each in settled:
        each.state, each.state_at = Estate.State.VERIFIED, at
        each.save(update_fields=["state", "state_at"])
    log.stage(
        type=f"estate.{estate.state}",
        at=at,
        subject_id=estate.claimant_id,
        rows=[estate, *settled],
        details={"by": str(by.id), "reason": reason},
    )
    return estate


def _locked(estate_id: UUID) -> Estate:
    """Take the locks of all cameos that claims on this person name, then the row.

    A claim's person never changes, so that it may be read before the locks.
    """
    estate = Estate.objects.filter(id=estate_id).first()
    if estate is None:
        raise EstateNotFound(estate_id=estate_id)
    named = [estate.cameo_id, *_same_person(estate).values_list("cameo_id", flat=True)]
    db.lock(exclusive=[db.PROHIBITIONS, *(db.cameo(each) for each in named if each)])
    return Estate.objects.select_for_update().get(id=estate_id)


def _same_person(estate: Estate) -> QuerySet[Estate]:
    """Return the other claims on the same person."""
    is_same = Q(person_key=estate.person_key)
    if estate.cameo_id:
        is_same |= Q(cameo_id=estate.cameo_id)
    return Estate.objects.filter(is_same).exclude(id=estate.id)


def _disputed_with(estate: Estate) -> list[Estate]:
    disputed = _same_person(estate).filter(state=Estate.State.DISPUTED)
    return list(disputed.select_for_update().order_by("id"))


def _demand_disinterest(estate: Estate, by: Account) -> None:
    """Refuse whoever would decide for or against a claim of their own."""
    is_claimant = estate.claimant_id == by.id
    living = _same_person(estate).exclude(state__in=(Estate.State.REJECTED, Estate.State.ENDED))
    if is_claimant or living.filter(claimant=by).exists():
        raise SelfVerification(estate_id=estate.id)
