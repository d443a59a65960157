"""Who owns a use together, and telling them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from ledger.cameos.models import Cameo
from ledger.consent.models import Use
from ledger.db import step
from ledger.notifications import actions as notifications


def co_owner_ids(*, use_id: UUID) -> frozenset[UUID]:
    """Return the accounts that own a use together: its requester and its cast's owners."""
    owners = Cameo.objects.filter(uses__use_id=use_id).values_list("owner_id", flat=True)
    requester = Use.objects.filter(id=use_id).values_list("requester_id", flat=True)
    return frozenset((*owners, *requester))


def is_co_owner(*, use_id: UUID, account_id: UUID) -> bool:
    """Return whether an account is one of a use's co-owners."""
    return account_id in co_owner_ids(use_id=use_id)


@step
def tell_co_owners(
    *, use_id: UUID, kind: str, at: datetime, details: Mapping[str, object] | None = None
) -> None:
    """Tell every co-owner of a use what happened to it."""
    notifications.tell(
        account_ids=co_owner_ids(use_id=use_id),
        kind=kind,
        about_id=use_id,
        details=details or {},
        at=at,
    )
