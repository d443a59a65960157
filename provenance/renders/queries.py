"""Every read of renders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Coalesce

from ledger.cameos.models import Cameo
from ledger.consent import queries as consent
from ledger.consent.models import Use, UseCast
from ledger.outbox.models import OutboxMessage
from provenance.renders import rules
from provenance.renders.errors import CameoNotFound, ParentNotFound, RenderNotFound
from provenance.renders.models import Attempt, Render


def mine(account_id: UUID) -> QuerySet[Render]:
    """Return the renders that an account co-owns: it asked for them, or its likeness is in them."""
    cast_in = UseCast.objects.filter(cameo__owner_id=account_id).values("use_id")
    return (
        Render.objects.filter(Q(use__requester_id=account_id) | Q(use_id__in=cast_in))
        .select_related("use", "use__requester")
        .prefetch_related(
            Prefetch(
                "use__cast",
                UseCast.objects.select_related("cameo", "cameo__owner").order_by("id"),
            )
        )
    )


def of_co_owner(*, render_id: UUID, account_id: UUID) -> Render:
    """Return a render that the account co-owns.

    Raises:
        RenderNotFound: there is none, or it is other people's.
    """
    render = mine(account_id).filter(pk=render_id).first()
    if render is None:
        raise RenderNotFound(render_id=render_id)
    return render


def of_anyone(render_id: UUID) -> Render:
    """Return a render for somebody who may see all of them.

    Raises:
        RenderNotFound: there is none.
    """
    render = (
        Render.objects.filter(pk=render_id)
        .select_related("use", "use__requester")
        .prefetch_related(
            Prefetch("use__cast", UseCast.objects.select_related("cameo", "cameo__owner"))
        )
        .first()
    )
    if render is None:
        raise RenderNotFound(render_id=render_id)
    return render


def subject_ids(render: Render) -> tuple[UUID, ...]:
    """Return the accounts whose likeness is in a render, each once."""
    return tuple(dict.fromkeys(row.cameo.owner_id for row in render.use.cast.all()))


def co_owner_ids(render_id: UUID) -> frozenset[UUID]:
    """Return everybody who co-owns a render."""
    use = Use.objects.get(pk=render_id)
    owners = UseCast.objects.filter(use_id=render_id).values_list("cameo__owner_id", flat=True)
    return frozenset({use.requester_id, *owners})


def owners_of(cameo_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return the accounts that own these cameos."""
    rows = Cameo.objects.filter(id__in=list(cameo_ids))
    return frozenset(rows.values_list("owner_id", flat=True))


def parent_of_wish(*, parent_id: UUID, requester_id: UUID) -> Render:
    """Return the render that somebody wants to remix: a released one, or one of their own.

    Whether it may be remixed is for the gate to decide.

    Raises:
        ParentNotFound: there is none that they can know of.
    """
    known = Q(state=rules.State.RELEASED) | Q(pk__in=mine(requester_id).values("pk"))
    parent = Render.objects.filter(known, pk=parent_id).select_related("use").first()
    if parent is None:
        raise ParentNotFound(render_id=parent_id)
    return parent


def cast_of(render_id: UUID) -> tuple[UUID, ...]:
    """Return the cameos in a render, in an order that does not change."""
    rows = UseCast.objects.filter(use_id=render_id).order_by("id")
    return tuple(rows.values_list("cameo_id", flat=True))


def require_cameos(cameo_ids: Iterable[UUID]) -> None:
    """Raise unless there is a cameo of each id. Whether it may be used is for the gate to decide.

    Raises:
        CameoNotFound: it names those that are not there.
    """
    wanted = set(cameo_ids)
    known = set(Cameo.objects.filter(id__in=wanted).values_list("id", flat=True))
    if missing := wanted - known:
        raise CameoNotFound(cameo_ids=sorted(str(one) for one in missing))


def lineage(render: Render) -> list[dict[str, object]]:
    """Return the ancestors, nearest first, each with its id and state. Two queries."""
    ids = consent.ancestor_ids(parent_id=render.use.parent_id)
    states = dict(Use.objects.filter(id__in=ids).values_list("id", "state"))
    return [{"id": one, "state": states[one]} for one in ids]


def living_attempt(render_id: UUID) -> Attempt | None:
    """Return the attempt that a worker may be at."""
    return Attempt.objects.filter(render_id=render_id, ended_at=None).first()


def lost_attempts(*, at: datetime, beat_timeout_s: float, limit: int) -> list[Attempt]:
    """Return living attempts whose worker went silent, or whose permit ran out unused."""
    silent_since = at - timedelta(seconds=beat_timeout_s)
    rows = Attempt.objects.filter(ended_at=None).annotate(
        heard_at=Coalesce("beat_at", "redeemed_at")
    )
    return list(
        rows.filter(
            Q(redeemed_at__isnull=False, heard_at__lt=silent_since)
            | Q(redeemed_at__isnull=True, expires_at__lte=at)
        ).order_by("created_at")[:limit]
    )


def stuck(*, states: Iterable[rules.State], since: datetime, limit: int) -> list[Render]:
    """Return renders that have been in one of `states` since before `since`, oldest first."""
    rows = Render.objects.filter(state__in=list(states), state_at__lt=since)
    return list(rows.order_by("state_at")[:limit])


def with_needless_files(*, limit: int) -> list[UUID]:
    """Return renders that still have files which `rules.needless_files` names."""
    has_files = ~Q(output_path="", sealed_path="")
    is_sealed = ~Q(output_path="") & ~Q(sealed_path="")
    rows = Render.objects.filter(
        (Q(state__in=rules.FILELESS) & has_files) | (Q(state__in=rules.SEALED_AT_LAST) & is_sealed)
    )
    return list(rows.order_by("state_at").values_list("pk", flat=True)[:limit])


def unsealed_drafts(*, since: datetime, limit: int) -> list[Render]:
    """Return denied renders whose finished draft was not sealed yet: its subjects may see it."""
    rows = Render.objects.filter(
        state=rules.State.DENIED, sealed_path="", state_at__lt=since
    ).exclude(output_path="")
    return list(rows.order_by("state_at")[:limit])


def owed_messages(*, topic: str, render_id: UUID) -> tuple[int, int]:
    """Return how many messages of a topic about a render are still owed, and how many were given up."""
    rows = OutboxMessage.objects.filter(
        topic=topic, payload__use_id=str(render_id), done_at__isnull=True
    ).values_list("failed_at", flat=True)
    failed = sum(failed_at is not None for failed_at in rows)
    return len(rows) - failed, failed
