"""From rows to the job that a worker is asked to do: plain data, without captures, keys or names."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings

from gpu_worker.contract import job as jobs
from ledger.consent.models import UseCast
from provenance.renders.models import Render


def build(
    *,
    render: Render,
    cast: Sequence[UseCast],
    parent: Render | None,
    attempt_id: UUID,
    mark_text: str,
) -> jobs.Job:
    """Return the job of one attempt.

    A cameo goes by the id of its row in this use's cast: it means nothing anywhere else. A member
    kept from the parent is taken from the parent's picture; where somebody of the parent's cast was
    dropped, none of that picture may be used, and everybody comes from their capture.

    Args:
        cast: with each row's cameo, in an order that does not change.
        parent: the released render that this one remixes, with its `use`.
    """
    keeps_picture = parent is not None and keeps_everybody(cast=cast, parent=parent)
    return jobs.Job(
        render_id=render.pk,
        attempt_id=attempt_id,
        prompt=render.prompt,
        title=render.title,
        seconds=float(render.use.seconds),
        fps=settings.RENDER_FPS,
        width_px=render.width_px,
        height_px=render.height_px,
        seed=render.seed,
        backend=settings.RENDER_BACKEND,
        purpose=render.use.purpose,
        mark_text=mark_text,
        cast=tuple(
            jobs.CastMember(
                cameo_ref=str(row.id),
                epoch=row.epoch,
                preferences=row.cameo.preferences,
                in_parent=keeps_picture and row.is_inherited,
            )
            for row in cast
        ),
        parent_sha256=bytes(parent.sealed_sha256 or b"").hex()
        if parent and keeps_picture
        else None,
        territories=tuple(render.use.territories),
    )


def keeps_everybody(*, cast: Sequence[UseCast], parent: Render) -> bool:
    """Return whether all who are in the parent are in the remix too."""
    kept = {row.cameo_id for row in cast}
    return kept.issuperset(parent.use.cast.values_list("cameo_id", flat=True))
