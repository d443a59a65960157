"""Why a use was decided as it was, told to each person as far as it is theirs to know.

Whoever has `ledger.view_decision` sees every finding. A co-owner sees what is about the use itself and
about cameos of their own; what others' consent came to is one unnamed `consent-denied`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import rules, stored, uses
from ledger.consent.models import Decision
from ledger.consent.rules import Finding

AUDIT = "ledger.view_decision"
DECISIONS_MAX = 200


@dataclass(frozen=True)
class Explained:
    """One gate's decision, with the findings that the reader may know. `log_entry_id` proves it."""

    gate: str
    effect: str
    decided_at: datetime
    log_entry_id: UUID | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Explanation:
    """A use and its newest decisions, oldest first; at most `DECISIONS_MAX`."""

    use_id: UUID
    state: str
    decisions: tuple[Explained, ...]


def explain(*, use_id: UUID, reader: Account) -> Explanation:
    """Return every decision about a use. Four queries.

    Raises:
        UseNotFound: it is not there, or not the reader's: these look alike.
    """
    sees_all = reader.has_perm(AUDIT)
    use = (
        uses.find(use_id=use_id) if sees_all else uses.get_for(use_id=use_id, account_id=reader.id)
    )
    own = frozenset(
        Cameo.objects.filter(owner_id=reader.id, uses__use_id=use_id).values_list("id", flat=True)
    )
    newest = Decision.objects.filter(use_id=use_id).order_by("-decided_at", "-id")[:DECISIONS_MAX]
    return Explanation(
        use_id=use.id,
        state=use.state,
        decisions=tuple(_explained(row, own, sees_all=sees_all) for row in reversed(newest)),
    )


def replay(row: Decision) -> rules.Decision:
    """Decide again from what a decision stored of its question and facts. The texts are the use's."""
    return rules.decide(
        stored.from_json(rules.Question, row.facts["question"] | {"texts": list(row.use.texts)}),
        stored.from_json(rules.Facts, row.facts["facts"]),
    )


def is_replayed_alike(row: Decision) -> bool:
    """Return whether deciding again comes to the stored effect by the stored findings."""
    again = replay(row)
    return again.effect.value == row.effect and stored.to_json(again.findings) == row.findings


def _explained(row: Decision, own: frozenset[UUID], *, sees_all: bool) -> Explained:
    findings = tuple(stored.from_json(Finding, each) for each in row.findings)
    return Explained(
        gate=row.gate,
        effect=row.effect,
        decided_at=row.decided_at,
        log_entry_id=row.log_entry_id,
        findings=findings if sees_all else tuple(rules.for_reader(findings, own=own)),
    )
