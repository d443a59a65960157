"""Writes to a cameo: audience, terms, preferences, and the ends of its life."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Max

from ledger import db
from ledger.cameos import queries, rules, vault_files
from ledger.cameos.epochs import tighten
from ledger.cameos.errors import CameoNotFound, CameoStateForbids
from ledger.cameos.models import Cameo, Capture, DestructionCertificate, Terms
from ledger.cameos.rules import Preferences, State, TermsValue
from ledger.db import step, use_case
from ledger.errors import CountersignError
from ledger.log import actions as log

logger = structlog.get_logger(__name__)

PURGE_BATCH = 100


@use_case
def set_audience(*, cameo_id: UUID, audience: str, by: UUID, at: datetime) -> Cameo:
    """Open or close a cameo to an audience. Narrowing is a tightening; the same again does nothing.

    Raises:
        CameoNotFound: it is not there, or not for `by` to change.
        CameoStateForbids: it is not active or suspended.
        MinorAudienceTooWide: a minor's audience is at most `approved`.
    """
    cameo = _locked(cameo_id=cameo_id, by=by, at=at)
    _demand_state(cameo, State.ACTIVE, State.SUSPENDED)
    rules.check_audience(audience, of_minor=cameo.owner.is_minor(at=at))
    before = cameo.audience
    if audience == before:
        return cameo
    cameo.audience = audience
    cameo.save(update_fields=["audience"])
    if rules.is_narrower(audience, than=before):
        tighten(cameo_ids=[cameo.id], cause="cameo.audience-narrowed", at=at)
    log.stage(
        type="cameo.audience-set",
        at=at,
        subject_id=cameo.owner_id,
        rows=[cameo],
        details={"by": by, "before": before, "after": audience},
    )
    cameo.refresh_from_db(fields=["epoch"])
    return cameo


@use_case
def publish_terms(*, cameo_id: UUID, terms: TermsValue, by: UUID, at: datetime) -> Terms:
    """Publish the next version of a cameo's terms. A narrower version is a tightening.

    Grants stay pinned to the version that they were given under.

    Raises:
        CameoNotFound: it is not there, or not for `by` to change.
        CameoStateForbids: it is not active or suspended.
        TermsSexual, TermsMalformed: outside their bounds.
    """
    rules.check_terms(terms)
    cameo = _locked(cameo_id=cameo_id, by=by, at=at)
    _demand_state(cameo, State.ACTIVE, State.SUSPENDED)
    before = cameo.terms
    row = insert_terms(cameo=cameo, terms=terms, at=at)
    cameo.terms = row
    cameo.save(update_fields=["terms"])
    if before is not None and rules.tightens(queries.value_of(before), terms):
        tighten(cameo_ids=[cameo.id], cause="cameo.terms-narrowed", at=at)
    log.stage(
        type="cameo.terms-published",
        at=at,
        subject_id=cameo.owner_id,
        rows=[row, cameo],
        details={"by": by},
    )
    return row


@step
def insert_terms(*, cameo: Cameo, terms: TermsValue, at: datetime) -> Terms:
    """Insert the next version. The caller holds the cameo's exclusive lock, and logs it."""
    last = Terms.objects.filter(cameo=cameo).aggregate(last=Max("version"))["last"] or 0
    return Terms.objects.create(
        cameo=cameo,
        version=last + 1,
        purposes=sorted(terms.purposes),
        remix_allowed=terms.remix_allowed,
        draft_approval=terms.draft_approval,
        forbidden_topics=sorted(terms.forbidden_topics),
        territories=sorted(terms.territories),
        seconds_max=terms.seconds_max,
        renders_max=terms.renders_max,
        renders_per_day_max=terms.renders_per_day_max,
        fees={
            purpose: {"amount_minor": fee.amount_minor, "currency": fee.currency}
            for purpose, fee in terms.fees.items()
        },
        training_allowed=terms.training_allowed,
        created_at=at,
    )


@use_case
def set_preferences(
    *, cameo_id: UUID, preferences: Preferences, by: UUID, at: datetime
) -> Preferences:
    """Keep what should travel with every render job. Decides nothing, so it tightens nothing.

    Raises:
        CameoNotFound: it is not there, or not for `by` to change.
        CameoStateForbids: it is retired or purged.
        PreferencesMalformed: too long, or not plain text.
    """
    rules.check_preferences(preferences)
    cameo = _locked(cameo_id=cameo_id, by=by, at=at)
    _demand_state(cameo, State.DRAFT, State.ACTIVE, State.SUSPENDED)
    cameo.preferences = preferences.as_json()
    cameo.save(update_fields=["preferences"])
    log.stage(
        type="cameo.preferences-set",
        at=at,
        subject_id=cameo.owner_id,
        rows=[cameo],
        details={"by": by},
    )
    return preferences


@use_case
def retire(*, cameo_id: UUID, by: UUID, at: datetime) -> Cameo:
    """End a cameo for good: it denies everyone from now on. The capture stays until it is purged.

    Raises:
        CameoNotFound: it is not there, or not for `by` to change.
        CameoStateForbids: it has ended already, or never began.
    """
    cameo = _locked(cameo_id=cameo_id, by=by, at=at)
    return _move(cameo, State.RETIRED, event="cameo.retired", details={"by": by}, at=at)


@use_case
def suspend(*, cameo_id: UUID, by: UUID, reason: str, at: datetime) -> Cameo:
    """Suspend a cameo, as staff: it denies everyone until it is resumed.

    Raises:
        CameoNotFound: it is not there.
        CameoStateForbids: it is not active.
    """
    cameo = _locked_by_staff(cameo_id)
    details = {"by": by, "reason": reason}
    return _move(cameo, State.SUSPENDED, event="cameo.suspended", details=details, at=at)


@use_case
def resume(*, cameo_id: UUID, by: UUID, reason: str, at: datetime) -> Cameo:
    """End a suspension, as staff.

    Raises:
        CameoNotFound: it is not there.
        CameoStateForbids: it is not suspended.
    """
    cameo = _locked_by_staff(cameo_id)
    _demand_state(cameo, State.SUSPENDED)
    details = {"by": by, "reason": reason}
    return _move(cameo, State.ACTIVE, event="cameo.resumed", details=details, at=at)


@use_case
def purge(*, cameo_id: UUID, by: UUID, at: datetime) -> DestructionCertificate:
    """Destroy the owner's likeness: its key, its captures, its preferences. Leaves a certificate.

    Raises:
        CameoNotFound: it is not there, or not for `by` to change.
        CameoStateForbids: it was purged before.
    """
    cameo = _locked(cameo_id=cameo_id, by=by, at=at)
    return _destroy(cameo, cause=DestructionCertificate.Cause.ASKED, details={"by": by}, at=at)


def purge_due(*, at: datetime) -> int:
    """Destroy at most `PURGE_BATCH` cameos past their destruction date. Returns how many.

    One transaction each, so that one that cannot be destroyed keeps no other from it.
    """
    due = Cameo.objects.filter(destroy_after__lte=at).exclude(state=Cameo.State.PURGED)
    count = 0
    for cameo_id in list(due.order_by("destroy_after").values_list("id", flat=True)[:PURGE_BATCH]):
        try:
            count += _purge_if_due(cameo_id=cameo_id, at=at)
        except CountersignError as exc:
            logger.error("cameo.purge-failed", cameo_id=str(cameo_id), code=exc.code)
    return count


@use_case
def _purge_if_due(*, cameo_id: UUID, at: datetime) -> bool:
    cameo = _locked_by_staff(cameo_id)
    is_due = cameo.destroy_after is not None and cameo.destroy_after <= at
    if cameo.state == State.PURGED or not is_due:
        return False
    _destroy(cameo, cause=DestructionCertificate.Cause.DUE, details={}, at=at)
    return True


@step
def destroy_captures(captures: Iterable[Capture], *, at: datetime) -> list[Capture]:
    """Let captures go. Returns their rows as they are now, for the caller to log.

    The files are deleted after the commit. A deletion that is lost leaves a file that no row names,
    which the cameo's key still locks, and which is noise once that key goes.
    """
    rows = list(captures)
    for row in rows:
        path, row.path = row.path, ""
        row.fingerprint, row.destroyed_at = None, at
        row.save(update_fields=["path", "fingerprint", "destroyed_at"])
        transaction.on_commit(functools.partial(vault_files.remove, path))
    return rows


def _destroy(
    cameo: Cameo, *, cause: str, details: dict[str, object], at: datetime
) -> DestructionCertificate:
    _demand_transition(cameo, State.PURGED)
    captures = destroy_captures(Capture.objects.filter(cameo=cameo, destroyed_at=None), at=at)
    cameo.state, cameo.audience = State.PURGED, Cameo.Audience.SELF
    cameo.preferences, cameo.destroy_after = {}, None
    cameo.save(update_fields=["state", "audience", "preferences", "destroy_after"])
    tighten(cameo_ids=[cameo.id], cause="cameo.purged", at=at)
    digests = Capture.objects.filter(cameo=cameo).order_by("created_at", "id")
    entry_id = uuid.uuid4()
    certificate = DestructionCertificate.objects.create(
        cameo=cameo,
        cause=cause,
        captures_sha256=[
            bytes(sha256).hex() for sha256 in digests.values_list("sha256", flat=True)
        ],
        entry_id=entry_id,
        destroyed_at=at,
    )
    log.stage(
        type="cameo.purged",
        at=at,
        subject_id=cameo.owner_id,
        rows=[cameo, certificate, *captures],
        details=details,
        entry_id=entry_id,
    )
    log.erase(subject_id=cameo.id, at=at, details={"certificate_id": certificate.id})
    return certificate


def _move(
    cameo: Cameo, state: State, *, event: str, details: dict[str, object], at: datetime
) -> Cameo:
    _demand_transition(cameo, state)
    cameo.state = state
    cameo.save(update_fields=["state"])
    if state != State.ACTIVE:
        tighten(cameo_ids=[cameo.id], cause=event, at=at)
    log.stage(type=event, at=at, subject_id=cameo.owner_id, rows=[cameo], details=details)
    cameo.refresh_from_db(fields=["epoch"])
    return cameo


def _locked(*, cameo_id: UUID, by: UUID, at: datetime) -> Cameo:
    db.lock(exclusive=[db.cameo(cameo_id)])
    return queries.controlled(cameo_id=cameo_id, by=by, at=at)


def _locked_by_staff(cameo_id: UUID) -> Cameo:
    db.lock(exclusive=[db.cameo(cameo_id)])
    cameo = Cameo.objects.select_related("owner", "terms").filter(id=cameo_id).first()
    if cameo is None:
        raise CameoNotFound(cameo_id=cameo_id)
    return cameo


def _demand_state(cameo: Cameo, *states: State) -> None:
    if cameo.state not in states:
        raise CameoStateForbids(cameo_id=cameo.id, state=cameo.state)


def _demand_transition(cameo: Cameo, state: State) -> None:
    if state not in rules.TRANSITIONS[State(cameo.state)]:
        raise CameoStateForbids(cameo_id=cameo.id, state=cameo.state, wanted=state.value)
