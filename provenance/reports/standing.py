"""Who may have which report, and what of it they may see."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ledger.accounts.models import Account
from ledger.consent import uses
from provenance.renders.models import Render
from provenance.reports.errors import ReportNotFound
from provenance.reports.models import Export

AUDITOR = "provenance.add_export"
CAUSE = "ledger.view_record"  # Held while there is cause to know who is who.


@dataclass(frozen=True)
class Standing:
    """As whom somebody asks: as an auditor, who sees all as pseudonyms, or for their own things."""

    is_auditor: bool
    is_redacted: bool


def of(account: Account, *, kind: str, about_id: UUID | None) -> Standing:
    """Return the standing of an account towards a report.

    An auditor has any report: with pseudonyms, or with names while they hold `CAUSE`. Anybody else
    has one about themselves, or about a render that they co-own.

    Raises:
        ReportNotFound: it is about something that is not theirs, or not there: these look alike.
    """
    if account.has_perm(AUDITOR):
        if not _is_there(kind, about_id):
            raise ReportNotFound(about_id=about_id)
        return Standing(is_auditor=True, is_redacted=not account.has_perm(CAUSE))
    if not _is_own(kind, about_id, account) or not _is_there(kind, about_id):
        raise ReportNotFound(about_id=about_id)
    return Standing(is_auditor=False, is_redacted=False)


def _is_own(kind: str, about_id: UUID | None, account: Account) -> bool:
    if about_id is None:
        return False  # A period is everybody's.
    if kind == Export.Kind.PERSON:
        return about_id == account.id
    return uses.is_co_owner(use_id=about_id, account_id=account.id)


def _is_there(kind: str, about_id: UUID | None) -> bool:
    if about_id is None:
        return True
    if kind == Export.Kind.RENDER:
        return Render.objects.filter(use_id=about_id).exists()
    return Account.objects.filter(id=about_id).exists()
