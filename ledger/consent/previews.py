"""What taking a grant back would touch, shown to its owner before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from ledger.accounts.models import Account
from ledger.consent import grants, queries, sources
from ledger.consent.models import Use, UseCast
from ledger.consent.withdrawals import AT_ONCE_MAX, REMOVE, STOP


@dataclass(frozen=True)
class Preview:
    """What an act would touch; `is_complete` is false where there is more than was counted.

    `licences` says how many of the uses that would end are covered by a licence.
    """

    act: str
    open: int
    released: int
    descendants: int
    licences: int
    is_complete: bool


def of_revocation(*, grant_id: UUID, act: str, by: Account, at: datetime) -> Preview:
    """Return what revoking a grant by an act would touch.

    Raises:
        GrantNotFound: none that `by` may revoke.
    """
    grant = grants.find(grant_id=grant_id, by=by, at=at)
    roots = grants.made(Q(cast__grant_id=grant_id), act=act)
    released = Use.objects.filter(id__in=roots, state=Use.State.RELEASED).count()
    below = _removed_with(roots, grant.cameo_id) if act == REMOVE else []
    ends = roots if act in (STOP, REMOVE) else []
    counted = [*ends, *below][:AT_ONCE_MAX]
    return Preview(
        act=act,
        open=len(roots) - released,
        released=released,
        descendants=len(below),
        licences=sum(bool(sources.licensed(use_id)[0]) for use_id in counted),
        is_complete=len(counted) == len(ends) + len(below),
    )


def _removed_with(roots: list[UUID], cameo_id: UUID) -> list[UUID]:
    below = set(queries.descendant_ids(use_ids=roots)) - set(roots)
    return list(
        UseCast.objects.filter(
            use_id__in=below, cameo_id=cameo_id, use__state=Use.State.RELEASED
        ).values_list("use_id", flat=True)
    )
