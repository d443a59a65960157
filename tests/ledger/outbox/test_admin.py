"""Operators see what is owed and what was given up; nobody else does, and nobody changes it."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import transaction

from ledger.outbox import actions as outbox
from tests.factories import accounts, rights


@pytest.mark.django_db(transaction=True)
class TestOutboxMessageAdmin:
    ADDRESS = "/admin/ledger/outboxmessage/"

    def test_shows_an_operator_what_is_owed(self, noon: datetime) -> None:
        rights.provide_roles()
        with transaction.atomic():
            outbox.enqueue(topic="render.finish", payload={"use_id": "kept-inside"}, at=noon)

        page = rights.desk(rights.staff("operator")).get(self.ADDRESS)

        assert "render.finish" in page.content.decode()
        assert "kept-inside" not in page.content.decode()

    def test_is_closed_to_others_and_to_changes(self) -> None:
        rights.provide_roles()
        operator = rights.desk(rights.staff("operator"))

        assert rights.desk(rights.staff("support")).get(self.ADDRESS).status_code == 403
        assert operator.get(f"{self.ADDRESS}add/").status_code == 403
        assert rights.desk(accounts.account()).get(self.ADDRESS).status_code == 302
