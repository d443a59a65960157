"""What takedowns stop, and what somebody with a case's secret may see."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

from ledger.consent.prohibitions import Prohibition, ProhibitionQuestion
from rights.takedowns.errors import CaseNotFound
from rights.takedowns.models import StayDown, TakedownCase


def prohibitions(question: ProhibitionQuestion) -> Sequence[Prohibition]:
    """Return the stay-down of the parent video, if it was taken down. At most one query.

    Named in `CONSENT_PROHIBITION_SOURCES`.
    """
    if question.parent_id is None:
        return ()
    rows = (
        StayDown.objects.filter(use_id=question.parent_id, starts_at__lte=question.at)
        .exclude(ends_at__lte=question.at)
        .values_list("id", flat=True)
    )
    return tuple(Prohibition(code="stay-down", id=identity, covers="parent") for identity in rows)


def case_for(*, case_id: UUID, secret: str) -> TakedownCase:
    """Return a case to whoever has its secret.

    Raises:
        CaseNotFound: no such case, or another secret: these look alike.
    """
    case = TakedownCase.objects.select_related("statement_of_reasons").filter(id=case_id).first()
    digest = hashlib.sha256(secret.encode()).digest()
    if case is None or not hmac.compare_digest(bytes(case.secret_sha256), digest):
        raise CaseNotFound
    return case
