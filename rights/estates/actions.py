"""Claims to speak for somebody who has died, and what staff make of them.

Two verified claims on one person are a dispute: both are marked so, and no use of that person's cameo
is allowed until it is settled (`queries.prohibitions` denies).
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

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
        ClaimUnusable: no name, or a death in the future.
        ClaimRepeated: this claimant has a living claim on this person.
    """
    skeleton = screening.name(person_name)
    if not skeleton or died_on > at.date():
        raise ClaimUnusable
    with refusing(claimant_claims_a_person_once=ClaimRepeated(claimant_id=claimant.id)):
        estate = Estate.objects.create(
            claimant=claimant,
            person_name=person_name,
            person_key=f"{skeleton}|{born_on or ''}|{died_on}",
            born_on=born_on,
            died_on=died_on,
            domicile=domicile.upper(),
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


@use_case
def verify(*, estate_id: UUID, by: Account, at: datetime) -> Estate:
    """Accept a claim: it may act from now on; beside another accepted one both become disputed.

    Raises:
        EstateNotFound: there is none.
        SelfVerification: nobody verifies their own claim.
        ClaimClosed: it is not waiting for a decision.
    """
    estate = _locked(estate_id)
    if estate.claimant_id == by.id:
        raise SelfVerification(estate_id=estate_id)
    if estate.state != Estate.State.SUBMITTED:
        raise ClaimClosed(estate_id=estate_id, state=estate.state)
    term = rules.term(
        domicile=estate.domicile, died_on=estate.died_on, registered_on=estate.registered_on
    )
    others = list(
        Estate.objects.select_for_update()
        .filter(person_key=estate.person_key, state__in=("verified", "disputed"))
        .exclude(id=estate.id)
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
        _tighten([estate, *others], at=at)
    return estate


@use_case
def reject(*, estate_id: UUID, by: Account, reason: str, at: datetime) -> Estate:
    """Refuse a claim, or end one that was accepted; what it disputed stays disputed until verified.

    Raises:
        EstateNotFound: there is none.
        ClaimClosed: it was refused or ended already.
    """
    estate = _locked(estate_id)
    if estate.state in (Estate.State.REJECTED, Estate.State.ENDED):
        raise ClaimClosed(estate_id=estate_id, state=estate.state)
    was_waiting = estate.state == Estate.State.SUBMITTED
    estate.state = Estate.State.REJECTED if was_waiting else Estate.State.ENDED
    estate.state_at = at
    estate.save(update_fields=["state", "state_at"])
    rest = list(
        Estate.objects.select_for_update()
        .filter(person_key=estate.person_key, state=Estate.State.DISPUTED)
        .order_by("id")
    )
    if len(rest) == 1:  # The dispute is settled.
        rest[0].state, rest[0].state_at = Estate.State.VERIFIED, at
        rest[0].save(update_fields=["state", "state_at"])
    log.stage(
        type=f"estate.{estate.state}",
        at=at,
        subject_id=estate.claimant_id,
        rows=[estate, *rest],
        details={"by": str(by.id), "reason": reason},
    )
    return estate


def _locked(estate_id: UUID) -> Estate:
    """Take the locks of all cameos that claims on this person name, then the row."""
    key = Estate.objects.filter(id=estate_id).values_list("person_key", flat=True).first()
    if key is None:
        raise EstateNotFound(estate_id=estate_id)
    cameo_ids = (
        Estate.objects.filter(person_key=key).exclude(cameo=None).values_list("cameo_id", flat=True)
    )
    db.lock(
        exclusive=[db.PROHIBITIONS, *(db.cameo(identity) for identity in cameo_ids if identity)]
    )
    return Estate.objects.select_for_update().get(id=estate_id)


def _tighten(estates: list[Estate], *, at: datetime) -> None:
    epochs.tighten(
        cameo_ids=[estate.cameo_id for estate in estates if estate.cameo_id],
        cause="estate.disputed",
        at=at,
    )
