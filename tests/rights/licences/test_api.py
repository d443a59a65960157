"""`GET /api/v1/licences/{id}`."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import accounts, settlement

pytestmark = pytest.mark.django_db


class TestLicenceView:
    def test_shows_the_buyer_the_price_and_its_lines(self) -> None:
        licence = settlement.quoted()

        answer = accounts.client_of(licence.buyer).get(f"/api/v1/licences/{licence.id}")

        body = answer.json()
        assert answer.status_code == 200
        assert (body["state"], body["amount_minor"], body["currency"]) == ("quoted", 1_000, "usd")
        assert [line["fee_minor"] for line in body["lines"]] == [100]

    def test_hides_it_from_everybody_else(self) -> None:
        licence = settlement.quoted()

        answer = accounts.client_of(accounts.account()).get(f"/api/v1/licences/{licence.id}")

        assert (answer.status_code, answer.json()["code"]) == (404, "licence-not-found")

    def test_knows_no_other(self) -> None:
        answer = accounts.client_of(accounts.account()).get(f"/api/v1/licences/{uuid.uuid4()}")

        assert answer.status_code == 404

    def test_asks_who_is_there(self) -> None:
        answer = accounts.client_of(None).get(f"/api/v1/licences/{uuid.uuid4()}")

        assert answer.status_code == 401
