"""An activation and a gate at the same moment: one of them is first, and the other sees it."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from ledger.consent import gates
from rights.optouts import actions as opt_outs
from tests.factories import accounts, consent
from tests.factories import rights as make

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 10.0


def test_an_activation_waits_for_a_release_in_flight_and_the_next_gate_sees_it() -> None:
    cameo = consent.open_cameo()
    first, second = (
        consent.dispatched(accounts.account(), cameo, texts=["Zorblax"]) for _ in range(2)
    )
    made, by = make.moved(make.opt_out(), "verified"), make.staff("moderator")
    order: list[str] = []

    def activate() -> None:
        try:
            opt_outs.move(opt_out_id=made.id, to="active", by=by, reason="", at=make.NOON)
            order.append("activated")
        finally:
            connection.close()

    thread = threading.Thread(target=activate)
    with transaction.atomic():
        assert gates.release(use_id=first.id, at=make.NOON).is_permitted
        thread.start()
        thread.join(0.5)
        order.append("released")
    thread.join(WAIT_S)
    denied = consent.release(second.id)

    assert order == ["released", "activated"]
    assert (consent.codes(denied), consent.state_of(first)) == (["opt-out"], "released")
