"""Reads of licences."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from rights.licences import states
from rights.licences.errors import LicenceNotFound
from rights.licences.models import Licence, LicenceLine


def covering(use_id: UUID) -> frozenset[UUID]:
    """Return the cameos of a use whose fee an authorised licence covers. One query.

    Consent asks it at every gate (`CONSENT_LICENCE_SOURCE`). The answer rests on the state: an
    authorisation is let go a while before Stripe lets go of it, and `intend_capture` looks at the
    time itself.
    """
    return frozenset(
        LicenceLine.objects.filter(
            licence__use_id=use_id, licence__state__in=states.COVERING
        ).values_list("cameo_id", flat=True)
    )


def of_use(use_id: UUID) -> Licence | None:
    """Return the newest licence of a use, living or not, or None. One query."""
    return Licence.objects.filter(use_id=use_id).order_by("-created_at", "-id").first()


def of_buyer(*, licence_id: UUID, buyer_id: UUID) -> Licence:
    """Return one licence of its buyer. One query.

    Raises:
        LicenceNotFound: there is none, or it is another buyer's.
    """
    licence = Licence.objects.filter(id=licence_id, buyer_id=buyer_id).first()
    if licence is None:
        raise LicenceNotFound(licence_id=licence_id)
    return licence


def lines(licence_id: UUID) -> Sequence[LicenceLine]:
    """Return the lines of a licence by cameo: at most `quotes.LINES_MAX`. One query."""
    return list(LicenceLine.objects.filter(licence_id=licence_id).order_by("cameo_id"))
