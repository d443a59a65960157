from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from ledger.db import StepOutsideTransaction, use_case
from ledger.notifications import actions as notifications
from ledger.notifications.actions import NotificationNotFound
from ledger.notifications.models import Notification
from tests.conftest import NOON
from tests.factories import accounts

pytestmark = pytest.mark.django_db
ABOUT = UUID(int=7)


@use_case
def tell(*account_ids: UUID, kind: str = "render.released") -> None:
    notifications.tell(account_ids=account_ids, kind=kind, about_id=ABOUT, at=NOON)


class TestTell:
    def test_tells_each_once_however_often(self) -> None:
        one, other = accounts.account(), accounts.account()

        tell(one.id, one.id)
        tell(one.id, other.id)

        told = Notification.objects.values_list("account_id", flat=True)
        assert sorted(told) == sorted([one.id, other.id])

    def test_tells_of_another_kind_again(self) -> None:
        one = accounts.account()

        tell(one.id)
        tell(one.id, kind="render.withdrawn")

        assert Notification.objects.count() == 2

    @pytest.mark.django_db(transaction=True)
    def test_is_part_of_a_transaction(self) -> None:
        with pytest.raises(StepOutsideTransaction):
            notifications.tell(account_ids=[], kind="x", about_id=ABOUT, at=NOON)


class TestMarkRead:
    def test_keeps_the_first_time(self) -> None:
        one = accounts.account()
        tell(one.id)
        told = Notification.objects.get()

        for minutes in (1, 2):
            at = NOON + timedelta(minutes=minutes)
            notifications.mark_read(notification_id=told.id, account_id=one.id, at=at)

        told.refresh_from_db()
        assert told.read_at == NOON + timedelta(minutes=1)

    def test_is_not_for_others(self) -> None:
        tell(accounts.account().id)
        told = Notification.objects.get()

        with pytest.raises(NotificationNotFound):
            notifications.mark_read(
                notification_id=told.id, account_id=accounts.account().id, at=NOON
            )
        assert not Notification.objects.filter(read_at__isnull=False).exists()


class TestApi:
    def test_lists_ones_own_alone(self) -> None:
        one = accounts.account()
        tell(one.id, accounts.account().id)

        found = accounts.client_of(one).get("/api/v1/notifications").json()["results"]

        assert [row["about_id"] for row in found] == [str(ABOUT)]

    def test_marks_one_as_read(self) -> None:
        one = accounts.account()
        tell(one.id)
        told = Notification.objects.get()

        answer = accounts.client_of(one).put(f"/api/v1/notifications/{told.id}/read")

        told.refresh_from_db()
        assert (answer.status_code, told.read_at is not None) == (204, True)
