"""Lists for people: the grants that somebody gave or holds, and the uses that somebody co-owns."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet

from ledger.accounts.models import Guardianship
from ledger.consent.models import Approval, Grant, RemixLock, Use, UseCast


def grants_of(*, account_id: UUID) -> QuerySet[Grant]:
    """Return the grants that an account gave, may revoke, or holds. Three queries a page."""
    guarded = Guardianship.objects.filter(guardian_id=account_id, ends_at=None).values("minor_id")
    return (
        Grant.objects.filter(
            Q(grantee_id=account_id)
            | Q(cameo__owner_id=account_id)
            | Q(cameo__owner_id__in=guarded)
        )
        .select_related("confirmation", "terms", "cameo__owner", "grantee")
        .prefetch_related("revocations")
    )


def uses_of(*, account_id: UUID) -> QuerySet[Use]:
    """Return the uses that an account co-owns: asked for, or with its likeness. Two queries a page.

    Each row says whether the account has locked it against remix, and whether its draft waits for
    the account's answer.
    """
    cast_in = UseCast.objects.filter(cameo__owner_id=account_id).values("use_id")
    mine = UseCast.objects.filter(use_id=OuterRef("pk"), cameo__owner_id=account_id)
    answered = Approval.objects.filter(use_id=OuterRef("use_id"), cameo_id=OuterRef("cameo_id"))
    locks = RemixLock.objects.filter(use_id=OuterRef("pk"), locked_by_id=account_id, ends_at=None)
    return (
        Use.objects.filter(Q(requester_id=account_id) | Q(id__in=cast_in))
        .select_related("requester")
        .prefetch_related(
            Prefetch("cast", UseCast.objects.select_related("cameo__owner").order_by("id"))
        )
        .annotate(
            is_remix_locked_by_me=Exists(locks),
            awaits_my_answer=Exists(
                mine.exclude(cameo__owner_id=F("use__requester_id"))
                .exclude(Exists(answered))
                .filter(
                    use__state=Use.State.DISPATCHED,
                    use__approval_asked_at__isnull=False,
                    terms__draft_approval=True,
                )
            ),
        )
    )
