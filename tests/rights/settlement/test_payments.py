"""Money from quote to payout, over the real SDK against the stand-in."""

from __future__ import annotations

import pytest
from django.utils import timezone

from rights.licences.models import Licence
from rights.settlement import payouts, queries
from rights.settlement.models import Payout
from tests.factories import settlement
from tests.factories.settlement import World

pytestmark = pytest.mark.django_db(transaction=True)


def balances() -> dict[str, int]:
    books = queries.books()
    assert books.is_balanced
    return {row.code: row.posted_minor for row in books.balances if row.posted_minor}


def pay_everyone(world: World) -> None:
    for payout_id in Payout.objects.values_list("id", flat=True):
        payouts.send(payout_id=payout_id, stripe=world.stripe, at=timezone.now())


class TestTheWholeWay:
    def test_pays_each_payee_its_part_and_keeps_the_platforms(self, world: World) -> None:
        ada, cem = settlement.onboarded(world.stripe), settlement.onboarded(world.stripe)
        licence = settlement.captured(
            world.stripe, [settlement.fee(ada, 1_000), settlement.fee(cem, 2_000)]
        )

        pay_everyone(world)

        assert licence.state == Licence.State.CAPTURED
        assert sorted(row["amount"] for row in world.objects("transfer")) == [900, 1_800]
        fees = 3_000 * 29 // 1000 + 30
        assert balances() == {
            "stripe": 300 - fees,
            "processing_fees": fees,
            "platform_revenue": -300,
        }
