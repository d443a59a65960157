"""Grants and uses for tests, made by the real actions and gates; sources that settings can name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import gates, grants, relations
from ledger.consent.gates import Decided
from ledger.consent.models import Decision, Grant, Use
from ledger.consent.observers import UseChange
from ledger.consent.prohibitions import Prohibition, ProhibitionQuestion
from ledger.db import use_case
from tests.factories import cameos

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

told: list[UseChange] = []
FORBIDDEN_ID = UUID(int=7)


def remember(change: UseChange) -> None:
    """An observer for `CONSENT_USE_OBSERVERS`: keeps what it is told in `told`."""
    told.append(change)


def forbids_names(question: ProhibitionQuestion) -> Sequence[Prohibition]:
    """A source for `CONSENT_PROHIBITION_SOURCES`: forbids texts that say `forbidden`."""
    if any("forbidden" in text for text in question.texts):
        return (Prohibition("opt-out", FORBIDDEN_ID, "text"),)
    return ()


def fails(*_args: object) -> Any:
    """A source that cannot be had."""
    raise ConnectionError


def breaks_its_statement(_question: ProhibitionQuestion) -> Any:
    """A source whose SQL is refused, which spoils a transaction without a savepoint."""
    return list(Cameo.objects.raw("SELECT no_such_column FROM ledger_cameo"))


licensed: set[UUID] = set()


def licence_source(_use_id: UUID) -> frozenset[UUID]:
    """A source for `CONSENT_LICENCE_SOURCE`: the cameos in `licensed`."""
    return frozenset(licensed)


def open_cameo(owner: Account | None = None, **fields: Any) -> Cameo:
    """Return an active cameo that everyone may use for personal purposes."""
    return cameos.cameo(owner, **({"audience": Cameo.Audience.EVERYONE} | fields))


def grant(cameo: Cameo, grantee: Account, *, at: datetime = NOON, **terms: Any) -> Grant:
    """Return a grant that the cameo's owner gave at noon."""
    return grants.give(
        cameo_id=cameo.id,
        grantee_id=grantee.id,
        terms=grants.GrantTerms(**terms),
        by=cameo.owner,
        at=at,
    )


@use_case
def ask(
    requester: Account, *cast: Cameo, at: datetime = NOON, use_id: UUID | None = None, **fields: Any
) -> Decided:
    """Pass the REQUEST gate for a use of these cameos; two seconds of `a walk` unless told."""
    defaults: dict[str, Any] = {
        "purpose": "personal",
        "seconds": Decimal(2),
        "parent_id": None,
        "texts": ["a walk"],
    }
    return gates.request(
        use_id=use_id or uuid4(),
        requester=requester,
        cast=[cameo.id for cameo in cast],
        at=at,
        **(defaults | fields),
    )


@use_case
def dispatch(use_id: UUID, *, at: datetime = NOON) -> Decided:
    """Pass the DISPATCH gate."""
    return gates.dispatch(use_id=use_id, at=at)


@use_case
def release(use_id: UUID, *, at: datetime = NOON) -> Decided:
    """Pass the RELEASE gate."""
    return gates.release(use_id=use_id, at=at)


@use_case
def end(use_id: UUID, *, state: str = "failed", at: datetime = NOON) -> bool:
    """End an open use."""
    return gates.end(use_id=use_id, state=state, code="test", at=at)


def requested(requester: Account, *cast: Cameo, **fields: Any) -> Use:
    """Return a use that REQUEST permitted."""
    decided = ask(requester, *cast, **fields)
    assert decided.is_permitted, decided.findings
    return Use.objects.get(id=decided.use_id)


def dispatched(requester: Account, *cast: Cameo, **fields: Any) -> Use:
    """Return a use that DISPATCH permitted."""
    use = requested(requester, *cast, **fields)
    assert dispatch(use.id).is_permitted
    use.refresh_from_db()
    return use


def released(requester: Account, *cast: Cameo, **fields: Any) -> Use:
    """Return a use that RELEASE permitted."""
    use = dispatched(requester, *cast, **fields)
    assert release(use.id).is_permitted
    use.refresh_from_db()
    return use


def codes(decided: Decided) -> list[str]:
    """Return the codes of what denied."""
    return [finding.code for finding in decided.findings if finding.effect == "deny"]


def row_of(decided: Decided) -> Decision:
    """Return the row of a decision."""
    assert decided.decision_id is not None
    return Decision.objects.select_related("use").get(id=decided.decision_id)


def state_of(use: Use | UUID) -> str:
    """Return the state of a use as it stands in the database."""
    return Use.objects.values_list("state", flat=True).get(id=getattr(use, "id", use))


def follow_each_other(one: Account, other: Account) -> None:
    """Make two accounts mutuals."""
    relations.follow(by=one, account_id=other.id, at=NOON)
    relations.follow(by=other, account_id=one.id, at=NOON)
