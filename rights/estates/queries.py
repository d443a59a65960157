"""What estates stop, and what a claimant may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from ledger.consent.prohibitions import Prohibition, ProhibitionQuestion
from rights.estates.models import Estate


def prohibitions(question: ProhibitionQuestion) -> Sequence[Prohibition]:
    """Return each dispute between estates over a cast cameo. One query.

    Named in `CONSENT_PROHIBITION_SOURCES`.
    """
    rows = (
        Estate.objects.filter(cameo_id__in=question.cameo_ids, state=Estate.State.DISPUTED)
        .order_by("id")
        .values_list("id", "cameo_id")
    )
    return tuple(
        Prohibition(code="estate-dispute", id=identity, covers=str(cameo_id))
        for identity, cameo_id in rows
    )


def verified_for(*, claimant_id: UUID, estate_id: UUID, on: date) -> Estate | None:
    """Return the claimant's accepted estate if it is protected on that day, or None.

    Not yours looks like not there.
    """
    return (
        Estate.objects.filter(id=estate_id, claimant_id=claimant_id, state=Estate.State.VERIFIED)
        .exclude(protected_until__lte=on)
        .first()
    )
