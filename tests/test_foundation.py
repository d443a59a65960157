"""The ground everything stands on: transactions, locks, problems."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import connection, transaction
from django.test import Client

from ledger import db


class TestLock:
    def test_orders_kinds_before_identities(self) -> None:
        keys = [
            db.use(uuid.uuid4()),
            db.cameo(uuid.uuid4()),
            db.account(uuid.uuid4()),
            db.PROHIBITIONS,
        ]

        assert sorted(keys) == keys[::-1]

    @pytest.mark.django_db
    def test_refuses_to_run_without_a_transaction_of_its_own_step(self) -> None:
        with transaction.atomic():
            db.lock(shared=[db.PROHIBITIONS])

            with pytest.raises(db.LockedTooLate):
                db.lock(exclusive=[db.use(uuid.uuid4())])

    @pytest.mark.django_db(transaction=True)
    def test_refuses_outside_a_transaction(self) -> None:
        with pytest.raises(db.StepOutsideTransaction):
            db.lock(shared=[db.PROHIBITIONS])

    @pytest.mark.django_db(transaction=True)
    def test_makes_a_second_writer_wait_until_the_first_commits(self) -> None:
        cameo, order, locked = uuid.uuid4(), [], threading.Event()

        def second() -> None:
            locked.wait(10)
            try:
                with transaction.atomic():
                    db.lock(shared=[db.cameo(cameo)])
                    order.append("second")
            finally:
                connection.close()

        thread = threading.Thread(target=second)
        thread.start()
        with transaction.atomic():
            db.lock(exclusive=[db.cameo(cameo)])
            locked.set()
            thread.join(0.3)
            order.append("first")
        thread.join(10)

        assert order == ["first", "second"]


class TestHealth:
    def test_lives_without_a_database(self, client: Client) -> None:
        assert client.get("/healthz").json() == {"status": "ok"}

    @pytest.mark.django_db
    def test_is_ready_with_one(self, client: Client) -> None:
        assert client.get("/readyz").status_code == 200

    def test_answers_an_unknown_address_with_a_problem(self, client: Client) -> None:
        answer = client.get("/api/v1/nothing-here")

        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
