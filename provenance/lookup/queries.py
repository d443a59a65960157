"""What the ledger says now about a use that a file led to. For everybody: pseudonyms and handles only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from ledger.consent import queries as consent
from ledger.consent import rules
from ledger.consent.models import Decision, Gate, Use
from ledger.log import queries as log
from provenance.renders.models import Render
from provenance.seals.models import Seal

GATES_MAX: Final = 50


@dataclass(frozen=True)
class GateStanding:
    """One decision, and its place in the public log; None while the sequencer has not placed it."""

    gate: str
    effect: str
    decided_at: datetime
    entry_id: UUID | None
    leaf_index: int | None


@dataclass(frozen=True)
class Ancestor:
    """A use that this one was made from."""

    use_id: UUID
    state: str


@dataclass(frozen=True)
class Standing:
    """What may be told to anybody about one use.

    Of a use that was never released only its state is told. Handles are told while it is released and
    not held; once it is withdrawn, who was in it is nobody's business any more.
    """

    use_id: UUID
    state: str
    state_at: datetime
    is_shown: bool  # Released, and neither withdrawn nor held: it may be delivered now.
    consent_holds: bool  # Would it be permitted now, by everybody in it?
    requester: str | None = None
    cast: tuple[str, ...] = ()
    gates: tuple[GateStanding, ...] = ()
    lineage: tuple[Ancestor, ...] = ()
    sealed_sha256: str | None = None
    log_tree_size: int = field(default=0)


def standing(*, use_id: UUID, at: datetime) -> Standing | None:
    """Return what the ledger says of a use at `at`, or None when there is no such use.

    A reading, not a gate: nothing is locked, and nothing rests on it.
    """
    use = Use.objects.select_related("requester").filter(pk=use_id).first()
    if use is None:
        return None
    state = Use.State(use.state)
    if state not in (Use.State.RELEASED, Use.State.WITHDRAWN):
        return Standing(use.id, state.value, use.state_at, is_shown=False, consent_holds=False)
    is_shown = state is Use.State.RELEASED and not consent.is_held(use_id=use_id)
    ancestors = consent.ancestor_ids(parent_id=use.parent_id)
    published = log.published()
    return Standing(
        use_id=use.id,
        state=state.value,
        state_at=use.state_at,
        is_shown=is_shown,
        consent_holds=is_shown and _consent_holds(use, ancestors, at),
        requester=use.requester.handle if is_shown else None,
        cast=_handles(use) if is_shown else (),
        gates=_gates(use_id),
        lineage=_lineage(ancestors),
        sealed_sha256=_sealed_sha256(use_id),
        log_tree_size=published.tree_size if published else 0,
    )


def file_of_manifest(manifest_label: str) -> tuple[UUID, str] | None:
    """Return the use and the stored name of the sealed file with this manifest, or None."""
    seal = Seal.objects.filter(manifest_label=manifest_label).values("use_id", "sha256").first()
    if seal is None:
        return None
    name = (
        Render.objects.filter(pk=seal["use_id"], sealed_sha256=seal["sha256"])
        .values_list("sealed_path", flat=True)
        .first()
    )
    return (seal["use_id"], name) if name else None


def manifest_label_of(use_id: UUID) -> str | None:
    """Return the label of the manifest in the released file of a use, or None."""
    sha256 = (
        Render.objects.filter(pk=use_id, state="released")
        .values_list("sealed_sha256", flat=True)
        .first()
    )
    if sha256 is None:
        return None
    return (
        Seal.objects.filter(use_id=use_id, sha256=sha256)
        .values_list("manifest_label", flat=True)
        .first()
    )


def _consent_holds(use: Use, ancestors: list[UUID], at: datetime) -> bool:
    """Return whether RELEASE would be permitted if it were asked now."""
    question = rules.Question(
        gate=Gate.RELEASE.value,
        requester_id=use.requester_id,
        purpose=use.purpose,
        seconds=use.seconds,
        territories=tuple(use.territories),
        texts=tuple(use.texts),
        is_remix=use.parent_id is not None,
        at=at,
    )
    cast = tuple(use.cast.order_by("id").values_list("cameo_id", flat=True))
    facts = consent.facts(
        use_id=use.id, requester=use.requester, cast=cast, ancestors=ancestors, question=question
    )
    return rules.decide(question, facts).effect is rules.Effect.PERMIT


def _handles(use: Use) -> tuple[str, ...]:
    handles = use.cast.order_by("id").values_list("cameo__owner__handle", flat=True)
    return tuple(dict.fromkeys(handles))


def _gates(use_id: UUID) -> tuple[GateStanding, ...]:
    rows = list(Decision.objects.filter(use_id=use_id).order_by("decided_at", "id")[:GATES_MAX])
    places = log.leaf_indexes(row.log_entry_id for row in rows if row.log_entry_id)
    return tuple(
        GateStanding(
            row.gate,
            row.effect,
            row.decided_at,
            row.log_entry_id,
            places.get(row.log_entry_id) if row.log_entry_id else None,
        )
        for row in rows
    )


def _lineage(ancestors: list[UUID]) -> tuple[Ancestor, ...]:
    states = dict(Use.objects.filter(id__in=ancestors).values_list("id", "state"))
    return tuple(Ancestor(one, states[one]) for one in ancestors)


def _sealed_sha256(use_id: UUID) -> str | None:
    sha256 = Render.objects.filter(pk=use_id).values_list("sealed_sha256", flat=True).first()
    return bytes(sha256).hex() if sha256 else None
