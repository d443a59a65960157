from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

pytestmark = pytest.mark.urls("tests.ledger.http.addresses")


class TestHealth:
    def test_lives_without_a_database(self) -> None:
        answer = Client().get("/healthz")

        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    @pytest.mark.django_db
    def test_is_ready_when_the_database_answers(self) -> None:
        answer = Client().get("/readyz")

        assert (answer.status_code, answer.json()["database"]) == (200, "ok")

    @pytest.mark.django_db(transaction=True)
    def test_is_not_ready_when_it_does_not(self) -> None:
        port = connection.settings_dict["PORT"]
        connection.close()
        connection.settings_dict["PORT"] = "1"
        try:
            answer = Client().get("/readyz")
        finally:
            connection.settings_dict["PORT"] = port
            connection.close()

        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
