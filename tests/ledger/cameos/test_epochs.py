"""Tightening: epochs rise, an entry says so, and open uses are owed a check."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction

from ledger import db
from ledger.cameos.epochs import tighten
from ledger.log.models import Record
from ledger.outbox.models import OutboxMessage
from tests.factories import accounts, cameos
from tests.factories.cameos import NOON

pytestmark = pytest.mark.django_db


class TestTighten:
    def test_raises_each_epoch_once_and_owes_one_check(self) -> None:
        one, other, untouched = cameos.cameo(), cameos.cameo(epoch=7), cameos.cameo()

        with transaction.atomic():
            tighten(cameo_ids=[one.id, other.id, one.id], cause="grant.revoked", at=NOON)

        for row in (one, other, untouched):
            row.refresh_from_db()
        assert (one.epoch, other.epoch, untouched.epoch) == (1, 8, 0)
        owed = OutboxMessage.objects.get(topic="consent.tightened")
        assert owed.payload == {"cameo_ids": sorted([str(one.id), str(other.id)])}
        assert set(Record.objects.values_list("subject_id", flat=True)) == {
            one.owner_id,
            other.owner_id,
        }

    def test_does_nothing_for_no_cameo_or_an_unknown_one(self) -> None:
        with transaction.atomic():
            tighten(cameo_ids=[], cause="grant.revoked", at=NOON)
            tighten(cameo_ids=[uuid.uuid4()], cause="grant.revoked", at=NOON)

        assert not OutboxMessage.objects.exists()
        assert not Record.objects.exists()

    def test_refuses_a_caller_that_locked_something_else(self) -> None:
        made = cameos.cameo()

        with transaction.atomic():
            db.lock(shared=[db.cameo(made.id)], exclusive=[db.account(made.owner_id)])

            with pytest.raises(db.LockedTooLate):
                tighten(cameo_ids=[made.id], cause="grant.revoked", at=NOON)


@pytest.mark.django_db(transaction=True)
class TestTightenAlone:
    def test_refuses_to_run_outside_a_transaction(self) -> None:
        with pytest.raises(db.StepOutsideTransaction):
            tighten(cameo_ids=[uuid.uuid4()], cause="grant.revoked", at=NOON)

    def test_leaves_nothing_when_the_caller_rolls_back(self) -> None:
        made = cameos.cameo(accounts.account())

        with pytest.raises(RuntimeError), transaction.atomic():
            tighten(cameo_ids=[made.id], cause="grant.revoked", at=NOON)
            raise RuntimeError

        made.refresh_from_db()
        assert made.epoch == 0
        assert not OutboxMessage.objects.exists()
