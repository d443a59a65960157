"""Telling people: in the app now; other channels are carried by the outbox when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from ledger.db import step, use_case
from ledger.errors import NotFound
from ledger.notifications.models import Notification


class NotificationNotFound(NotFound):
    code = "notification-not-found"
    title = "There is no such notification for you."


@step
def tell(
    *,
    account_ids: Iterable[UUID],
    kind: str,
    about_id: UUID,
    at: datetime,
    details: Mapping[str, object] | None = None,
) -> None:
    """Tell each account once that `kind` happened to `about_id`. Safe to repeat."""
    Notification.objects.bulk_create(
        [
            Notification(
                account_id=account_id,
                kind=kind,
                about_id=about_id,
                details=dict(details or {}),
                created_at=at,
            )
            for account_id in sorted(set(account_ids))
        ],
        ignore_conflicts=True,
    )


@use_case
def mark_read(*, notification_id: UUID, account_id: UUID, at: datetime) -> None:
    """Note that the person has read it; the first time stands.

    Raises:
        NotificationNotFound: there is none, or it is another person's.
    """
    found = Notification.objects.select_for_update().filter(
        id=notification_id, account_id=account_id
    )
    notification = found.first()
    if notification is None:
        raise NotificationNotFound(notification_id=notification_id)
    if notification.read_at is None:
        found.update(read_at=at)
