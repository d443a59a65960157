"""From rows to what a render's manifest says: pseudonyms, hashes and public places only."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

from gpu_worker.contract.receipt import Receipt
from ledger.consent.models import Decision, Gate, UseCast
from ledger.log import queries as log_queries
from provenance.marks import detection
from provenance.marks.fingerprints import ALGORITHM, Fingerprint
from provenance.renders import files
from provenance.renders.models import Attempt, Render
from provenance.seals.requests import (
    SealedCameo,
    SealedGate,
    SealRequest,
    SoftBinding,
    SoftwareAgent,
)


def request_for(
    *,
    render: Render,
    attempt: Attempt,
    receipt: Receipt,
    fingerprint: Fingerprint,
    mark_id: int,
    poster: bytes,
    at: datetime,
) -> SealRequest:
    """Return what the seal of a render says. RELEASE comes after the seal, so it is not among the gates."""
    cast = list(
        UseCast.objects.filter(use_id=render.pk).select_related("terms", "grant").order_by("id")
    )
    ends_at = [row.grant.ends_at for row in cast if row.grant and row.grant.ends_at]
    parent = _parent_path(render, attempt)
    return SealRequest(
        render_id=render.pk,
        title=render.title or "Countersign render",
        created_at=at,
        is_remix=parent is not None,
        has_real_capture=bool(cast),
        permit_id=str(attempt.id),
        checkpoint=_checkpoint(),
        status_url=f"{settings.SERVICE_URL}/api/v1/renders/{render.pk}",
        training_allowed=all(row.terms is not None and row.terms.training_allowed for row in cast),
        agent=SoftwareAgent(
            name=receipt.backend,
            version=receipt.backend_version,
            model_id=receipt.model,
            weights_sha256=receipt.weights_sha256,
        ),
        thumbnail=poster,
        parent_path=parent,
        cameos=tuple(
            SealedCameo(ref, bytes.fromhex(sha256))
            for ref, sha256 in sorted(attempt.captures.items())
        ),
        gates=_gates(render.pk, attempt),
        soft_bindings=(
            SoftBinding(alg=ALGORITHM, value=fingerprint.code),
            SoftBinding(alg=detection.ALGORITHM, value=f"{mark_id:010x}"),
        ),
        terms_expire_at=min(ends_at, default=None),
    )


def _checkpoint() -> str:
    """Return the newest published checkpoint, a signed note; empty before the first."""
    newest = log_queries.published()
    return newest.note.decode() if newest else ""


def _gates(render_id: UUID, attempt: Attempt) -> tuple[SealedGate, ...]:
    """Return the decisions that this file rests on, with their places in the log."""
    request = Decision.objects.filter(use_id=render_id, gate=Gate.REQUEST).order_by("decided_at")
    decisions = [decision for decision in (request.last(), attempt.decision) if decision]
    places = log_queries.leaf_indexes(
        decision.log_entry_id for decision in decisions if decision.log_entry_id
    )
    return tuple(
        SealedGate(
            gate=decision.gate,
            entry_id=decision.log_entry_id,
            decision_id=decision.id,
            log_index=places.get(decision.log_entry_id),
        )
        for decision in decisions
        if decision.log_entry_id is not None
    )


def _parent_path(render: Render, attempt: Attempt) -> Path | None:
    """Return the sealed file of the parent whose picture was used, if one was."""
    if attempt.job["parent_sha256"] is None or render.use.parent_id is None:
        return None
    return files.path_of(Render.objects.get(pk=render.use.parent_id).sealed_path)
