"""A case's secret is shown once, and lies nowhere in clear."""

from __future__ import annotations

import pytest
from django.test import Client

from ledger.http.models import IdempotencyRecord
from tests.factories import accounts, consent


@pytest.mark.django_db(transaction=True)
class TestSecret:
    def test_is_not_in_the_kept_answer_nor_in_a_repeat(self, client: Client) -> None:
        use = consent.released(accounts.account(), consent.open_cameo())

        def give() -> dict[str, object]:
            answer = client.post(
                "/api/v1/takedowns",
                {"regime": "likeness", "target": str(use.id), "statement": "it is me"},
                content_type="application/json",
                headers={"Idempotency-Key": "once"},
            )
            assert answer.status_code == 201, answer.content
            return dict(answer.json())

        first, again = give(), give()

        assert first["secret"]
        assert again == {**first, "secret": None}
        assert str(first["secret"]) not in str(IdempotencyRecord.objects.get().body)
