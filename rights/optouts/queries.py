"""What opt-outs stop, and what a holder may see of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db.models import F, Q

from ledger.consent import queries as consent
from ledger.consent.models import Decision, Use
from ledger.consent.prohibitions import Prohibition, ProhibitionQuestion
from rights.optouts import rules, screening
from rights.optouts.models import OptOut, OptOutAlias

NAMES_PER_QUERY = 10_000


def prohibitions(question: ProhibitionQuestion) -> Sequence[Prohibition]:
    """Return each opt-out in force that a name in the texts falls under; a remix has its ancestors' too.

    Named in `CONSENT_PROHIBITION_SOURCES`. Every name that could stand in the texts is looked up in
    an index, so the newest opt-out counts at once and nothing is cached. One query for each
    `NAMES_PER_QUERY` names, and two more for a remix.
    """
    texts = [*question.texts, *_texts_above(question.parent_id)]
    names = sorted({name for text in texts for name in screening.candidates(text)})
    found = {
        identity
        for start in range(0, len(names), NAMES_PER_QUERY)
        for identity in _in_force(question, names[start : start + NAMES_PER_QUERY])
    }
    return tuple(Prohibition(code="opt-out", id=each, covers="text") for each in sorted(found))


def _in_force(question: ProhibitionQuestion, names: Sequence[str]) -> Iterator[UUID]:
    everywhere = Q(opt_out__territories=[])
    there = Q(opt_out__territories__overlap=list(question.territories))
    # A use for everywhere falls under every territory.
    where = everywhere | there if question.territories else Q()
    # What had started when it was activated counts, though the asker read the clock before that and
    # then waited for the lock.
    started = Q(opt_out__starts_at__lte=question.at) | Q(
        opt_out__starts_at__lte=F("opt_out__state_at")
    )
    yield from (
        OptOutAlias.objects.filter(where, skeleton__in=names)
        .filter(started, opt_out__state__in=OptOut.STOPS)
        .exclude(opt_out__ends_at__lte=question.at)
        .filter(opt_out__scopes__overlap=list(rules.SCOPES_THAT_STOP[question.purpose]))
        .values_list("opt_out_id", flat=True)
        .distinct()
    )


def _texts_above(parent_id: UUID | None) -> Iterator[str]:
    """Yield the texts of what a remix descends from: it shows again what they asked for."""
    above = consent.ancestor_ids(parent_id=parent_id)
    if above:
        for texts in Use.objects.filter(id__in=above).values_list("texts", flat=True):
            yield from texts


def stopped_count(*, opt_out_id: UUID) -> int:
    """Return how many uses an opt-out denied; never whose, nor their prompts."""
    finding = {"code": "opt-out", "row_id": str(opt_out_id)}
    return (
        Decision.objects.filter(effect="deny", findings__contains=[finding])
        .values("use_id")
        .distinct()
        .count()
    )
