from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from ledger.notifications.models import Notification
from tests.conftest import NOON
from tests.factories import accounts

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.http.addresses")]
COUNT = 203


@pytest.fixture
def rows() -> None:
    account = accounts.account()
    Notification.objects.bulk_create(
        Notification(
            account=account,
            kind="test",
            about_id=UUID(int=number),
            created_at=NOON + timedelta(seconds=number // 2),  # Pairs share their moment.
        )
        for number in range(COUNT)
    )


def page(address: str) -> Any:
    answer = APIClient().get(address)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.usefixtures("rows")
class TestCursor:
    @pytest.mark.parametrize(
        ("limit", "count"),
        [("", 50), ("?limit=3", 3), ("?limit=200", 200), ("?limit=201", 200)]
        + [(f"?limit={wrong}", 50) for wrong in ("0", "-1", "x", "1e3")],
    )
    def test_gives_at_most_200_rows_a_page(self, limit: str, count: int) -> None:
        assert len(page(f"/rows{limit}")["results"]) == count

    def test_gives_every_row_once_newest_first(self) -> None:
        address, seen = "/rows?limit=70", []
        for _ in range(10):
            found = page(address)
            seen += found["results"]
            if not (address := found["next"]):
                break

        moments = [row["created_at"] for row in seen]
        assert len({row["id"] for row in seen}) == len(seen) == COUNT
        assert moments == sorted(moments, reverse=True)

    @pytest.mark.parametrize("cursor", ["x", "%00", "cD0x", "bz0tMQ==", "cD0lMDA="])
    def test_answers_a_wrong_cursor_with_a_problem_or_a_page(self, cursor: str) -> None:
        answer = APIClient().get(f"/rows?cursor={cursor}")

        assert answer.status_code in (200, 404)
