"""Reading the facts that a decision rests on, under locks that the caller holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from ledger.accounts.models import Account, Block, Follow
from ledger.cameos import models as cameos
from ledger.consent import rules, sources
from ledger.consent.models import Approval, Grant, Hold, RemixLock, Reservation, Use
from ledger.consent.prohibitions import ProhibitionQuestion

LINEAGE_MAX = 16
DAY = timedelta(days=1)

_ANCESTORS = """
WITH RECURSIVE lineage (id, parent_id, depth) AS (
    SELECT id, parent_id, 1 FROM ledger_use WHERE id = %s
    UNION ALL
    SELECT above.id, above.parent_id, lineage.depth + 1
    FROM ledger_use AS above JOIN lineage ON above.id = lineage.parent_id
    WHERE lineage.depth <= %s
) SELECT id FROM lineage ORDER BY depth
"""

# Cameos whose uses are counted: two requests for the last use must wait for each other.
_LOCK_COUNTED = """
SELECT cameo.id FROM ledger_cameo AS cameo
LEFT JOIN ledger_terms AS terms ON terms.id = cameo.terms_id
WHERE cameo.id = ANY(%s) AND cameo.owner_id <> %s AND (
    terms.renders_max IS NOT NULL OR terms.renders_per_day_max IS NOT NULL OR EXISTS (
        SELECT FROM ledger_grant AS given JOIN ledger_terms AS pinned ON pinned.id = given.terms_id
        WHERE given.cameo_id = cameo.id AND given.grantee_id = %s
        AND (given.renders_max IS NOT NULL OR given.renders_per_day_max IS NOT NULL
             OR pinned.renders_max IS NOT NULL OR pinned.renders_per_day_max IS NOT NULL)))
ORDER BY cameo.id FOR NO KEY UPDATE OF cameo
"""

_DESCENDANTS = """
WITH RECURSIVE tree (id, depth) AS (
    SELECT id, 0 FROM ledger_use WHERE id = ANY(%s)
    UNION ALL
    SELECT below.id, tree.depth + 1
    FROM ledger_use AS below JOIN tree ON below.parent_id = tree.id
    WHERE tree.depth < %s
) SELECT DISTINCT id FROM tree
"""


def ancestor_ids(*, parent_id: UUID | None) -> list[UUID]:
    """Return the parent and what it descends from, nearest first; one more than `LINEAGE_MAX` at most.

    A use's parent never changes, so this may be read before the locks are taken.
    """
    if parent_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ANCESTORS, [parent_id, LINEAGE_MAX])
        return [row[0] for row in cursor.fetchall()]


def descendant_ids(*, use_ids: Iterable[UUID]) -> list[UUID]:
    """Return the uses and everything that descends from them, in order of id."""
    with connection.cursor() as cursor:
        cursor.execute(_DESCENDANTS, [list(use_ids), LINEAGE_MAX])
        return sorted(row[0] for row in cursor.fetchall())


def lock_counted(*, cast: Sequence[UUID], requester_id: UUID) -> None:
    """Make requests for counted uses of the same cameo wait for each other, in order of id.

    Gates hold cameos' advisory locks shared, so these row locks are what orders two reservations.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_COUNTED, [list(cast), requester_id, requester_id])


def facts(
    *,
    use_id: UUID,
    requester: Account,
    cast: Sequence[UUID],
    ancestors: Sequence[UUID],
    question: rules.Question,
) -> rules.Facts:
    """Read all that `rules.decide` needs about one use. The caller holds the locks of ADR 3."""
    rows = {
        row.id: row
        for row in cameos.Cameo.objects.filter(id__in=cast).select_related("owner", "terms")
    }
    owner_ids = {row.owner_id for row in rows.values()}
    follows = set(
        Follow.objects.filter(
            Q(follower=requester, followed__in=owner_ids)
            | Q(follower__in=owner_ids, followed=requester)
        ).values_list("follower_id", "followed_id")
    )
    blocks = _blocks(requester.id, owner_ids)
    holds = _holds(cast, [*ancestors, use_id])
    grants = _grants(requester.id, cast, use_id, question.at)
    used, used_today = _used(cast, use_id, question.at)
    approvals = dict(Approval.objects.filter(use_id=use_id).values_list("cameo_id", "is_approved"))
    parent_id = ancestors[0] if ancestors else None
    inherited = cast_of(parent_id)
    licensed, licence_failures = sources.licensed(use_id)
    prohibitions, failures = sources.prohibitions(
        ProhibitionQuestion(
            use_id=use_id,
            purpose=question.purpose,
            territories=question.territories,
            texts=question.texts,
            parent_id=parent_id,
            cameo_ids=tuple(cast),
            requester_id=requester.id,
            at=question.at,
        )
    )
    return rules.Facts(
        cameos=tuple(
            rules.CameoFacts(
                id=row.id,
                owner_id=row.owner_id,
                state=row.state,
                audience=row.audience,
                epoch=row.epoch,
                terms=_terms(row.terms) if row.terms else None,
                is_minors=row.owner.is_minor(at=question.at),
                is_inherited=row.id in inherited,
                is_licensed=row.id in licensed,
                follows_requester=(row.owner_id, requester.id) in follows,
                is_followed_by_requester=(requester.id, row.owner_id) in follows,
                holds=tuple(holds[row.id]),
                blocks=tuple(blocks[row.owner_id]),
                grants=tuple(grants[row.id]),
                used=used[row.id],
                used_today=used_today[row.id],
                approval=approvals.get(row.id),
            )
            for cameo_id in cast
            if (row := rows.get(cameo_id)) is not None
        ),
        missing_cameo_ids=tuple(cameo_id for cameo_id in cast if cameo_id not in rows),
        ancestors=_ancestors(ancestors, holds),
        requester_state=requester.state,
        requester_is_minor=requester.is_minor(at=question.at),
        holds=tuple(holds[use_id]),
        prohibitions=prohibitions,
        unavailable=(*failures, *licence_failures),
    )


def _terms(row: cameos.Terms) -> rules.Terms:
    return rules.Terms(
        id=row.id,
        purposes=tuple(row.purposes),
        remix_allowed=row.remix_allowed,
        draft_approval=row.draft_approval,
        forbidden_topics=tuple(row.forbidden_topics),
        territories=tuple(row.territories),
        seconds_max=row.seconds_max,
        renders_max=row.renders_max,
        renders_per_day_max=row.renders_per_day_max,
        fees=row.fees,
    )


def _grants(
    requester_id: UUID, cast: Sequence[UUID], use_id: UUID, at: datetime
) -> dict[UUID, list[rules.GrantFacts]]:
    """Return the requester's grants by cameo. What this use reserved itself is not counted as used."""
    counted = ~Q(reservations__use_id=use_id) & Q(reservations__state__in=("held", "kept"))
    rows = (
        Grant.objects.filter(cameo_id__in=cast, grantee_id=requester_id)
        .select_related("terms", "confirmation")
        .prefetch_related("revocations")
        .annotate(
            used=Count("reservations", filter=counted),
            used_today=Count(
                "reservations", filter=counted & Q(reservations__created_at__gt=at - DAY)
            ),
        )
        .order_by("id")
    )
    found: dict[UUID, list[rules.GrantFacts]] = defaultdict(list)
    for row in rows:
        revocation = next(iter(row.revocations.all()), None)
        found[row.cameo_id].append(
            rules.GrantFacts(
                id=row.id,
                terms=_terms(row.terms),
                purposes=tuple(row.purposes),
                remix_allowed=row.remix_allowed,
                seconds_max=row.seconds_max,
                territories=tuple(row.territories),
                renders_max=row.renders_max,
                renders_per_day_max=row.renders_per_day_max,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                revoked_at=revocation.effective_at if revocation else None,
                is_confirmed=row.is_confirmed,
                used=row.used,
                used_today=row.used_today,
            )
        )
    return found


def _used(
    cast: Sequence[UUID], use_id: UUID, at: datetime
) -> tuple[dict[UUID, int], dict[UUID, int]]:
    rows = (
        Reservation.objects.filter(cameo_id__in=cast, state__in=("held", "kept"))
        .exclude(use_id=use_id)
        .values("cameo_id")
        .annotate(n=Count("id"), today=Count("id", filter=Q(created_at__gt=at - DAY)))
    )
    used: dict[UUID, int] = defaultdict(int)
    today: dict[UUID, int] = defaultdict(int)
    for row in rows:
        used[row["cameo_id"]], today[row["cameo_id"]] = row["n"], row["today"]
    return used, today


def _blocks(requester_id: UUID, owner_ids: set[UUID]) -> dict[UUID, list[rules.Reason]]:
    rows = Block.objects.filter(
        Q(blocker_id=requester_id, blocked__in=owner_ids)
        | Q(blocker__in=owner_ids, blocked_id=requester_id)
    ).values_list("id", "blocker_id", "blocked_id")
    found: dict[UUID, list[rules.Reason]] = defaultdict(list)
    for identity, blocker_id, blocked_id in rows:
        by_requester = blocker_id == requester_id
        code = "requester-blocks-owner" if by_requester else "owner-blocks-requester"
        found[blocked_id if by_requester else blocker_id].append(rules.Reason(code, identity))
    return found


def _holds(
    cameo_ids: Sequence[UUID], use_ids: Sequence[UUID]
) -> dict[UUID | None, list[rules.Reason]]:
    rows = Hold.objects.filter(
        Q(cameo_id__in=cameo_ids) | Q(use_id__in=use_ids), ends_at=None
    ).values_list("id", "ground", "cameo_id", "use_id")
    found: dict[UUID | None, list[rules.Reason]] = defaultdict(list)
    for identity, ground, cameo_id, use_id in rows:
        found[cameo_id or use_id].append(rules.Reason(ground, identity))
    return found


def _ancestors(
    ids: Sequence[UUID], holds: dict[UUID | None, list[rules.Reason]]
) -> tuple[rules.AncestorFacts, ...]:
    if not ids:
        return ()
    states = dict(Use.objects.filter(id__in=ids).values_list("id", "state"))
    locks: dict[UUID, list[rules.Reason]] = defaultdict(list)
    for lock_id, use_id in RemixLock.objects.filter(use_id__in=ids, ends_at=None).values_list(
        "id", "use_id"
    ):
        locks[use_id].append(rules.Reason("remix-lock", lock_id))
    found = [
        rules.AncestorFacts(
            identity, states[identity], tuple(locks[identity]), tuple(holds[identity])
        )
        for identity in ids[:LINEAGE_MAX]
    ]
    if len(ids) > LINEAGE_MAX:  # Deeper than can be decided about: as good as not released.
        found.append(rules.AncestorFacts(ids[LINEAGE_MAX], "too-deep", (), ()))
    return tuple(found)


def cast_of(use_id: UUID | None) -> frozenset[UUID]:
    """Return the cameos in a use; none for no use."""
    if use_id is None:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute("SELECT cameo_id FROM ledger_usecast WHERE use_id = %s", [use_id])
        return frozenset(row[0] for row in cursor.fetchall())


def is_held(*, use_id: UUID) -> bool:
    """Return whether a hold stands on a use, or on a cameo in it. One query."""
    return Hold.objects.filter(
        Q(use_id=use_id) | Q(cameo__uses__use_id=use_id), ends_at=None
    ).exists()
