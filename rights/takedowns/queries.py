"""What takedowns stop, and what somebody with a case's secret may see."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

from ledger.consent import queries as consent
from ledger.consent.prohibitions import Prohibition, ProhibitionQuestion
from rights.takedowns.errors import CaseNotFound
from rights.takedowns.models import StayDown, TakedownCase


def prohibitions(question: ProhibitionQuestion) -> Sequence[Prohibition]:
    """Return the stay-downs of what a remix descends from. No query unless it is a remix.

    Named in `CONSENT_PROHIBITION_SOURCES`.
    """
    above = consent.ancestor_ids(parent_id=question.parent_id)
    if not above:
        return ()
    rows = (
        # One that is there has started, though the asker read the clock before it and then waited.
        StayDown.objects.filter(use_id__in=above)
        .exclude(ends_at__lte=question.at)
        .order_by("id")
        .values_list("id", flat=True)
    )
    return tuple(Prohibition(code="stay-down", id=identity, covers="parent") for identity in rows)


def case_for(*, case_id: UUID, secret: str) -> TakedownCase:
    """Return a case to whoever has its secret.

    Raises:
        CaseNotFound: no such case, or another secret: these look alike.
    """
    case = TakedownCase.objects.select_related("statement_of_reasons").filter(id=case_id).first()
    stored = bytes(case.secret_sha256) if case else b""
    if case is None or not hmac.compare_digest(stored, digest(secret)):
        raise CaseNotFound
    return case


def digest(secret: str) -> bytes:
    """Return what is kept of a secret. It has 144 random bits, so that nothing can be guessed."""
    return hashlib.sha256(secret.encode()).digest()
