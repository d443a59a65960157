"""What opt-outs stop, and what a holder may see of its own."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from ledger.consent.models import Decision
from ledger.consent.prohibitions import Prohibition, ProhibitionQuestion
from rights.optouts import rules, screening
from rights.optouts.models import OptOut, OptOutAlias


def prohibitions(question: ProhibitionQuestion) -> Sequence[Prohibition]:
    """Return each active opt-out that a name in the question's texts falls under. One query.

    Named in `CONSENT_PROHIBITION_SOURCES`. Every name that could stand in the texts is looked up in
    an index, so the newest opt-out counts at once and nothing is cached.
    """
    names = {name for text in question.texts for name in screening.candidates(text)}
    if not names:
        return ()
    rows = (
        OptOutAlias.objects.filter(skeleton__in=names, opt_out__state__in=OptOut.STOPS)
        .filter(opt_out__starts_at__lte=question.at)
        .exclude(opt_out__ends_at__lte=question.at)
        .filter(opt_out__scopes__overlap=list(rules.SCOPES_THAT_STOP[question.purpose]))
        .filter(
            Q(opt_out__territories=[])
            | (
                Q(opt_out__territories__overlap=list(question.territories))
                if question.territories
                else Q()  # A use for everywhere falls under every territory.
            )
        )
        .order_by("opt_out_id")
        .values_list("opt_out_id", flat=True)
        .distinct()
    )
    return tuple(Prohibition(code="opt-out", id=identity, covers="text") for identity in rows)


def stopped_count(*, opt_out_id: UUID) -> int:
    """Return how many decisions an opt-out turned into a denial; never whose, nor the prompts."""
    return Decision.objects.filter(
        effect="deny", findings__contains=[{"row_id": str(opt_out_id)}]
    ).count()
