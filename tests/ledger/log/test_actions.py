"""Staging: the fact and its entry are one."""

from __future__ import annotations

import uuid

import pytest

from ledger.log import actions as log
from ledger.log.models import Record, StagedEntry
from tests.conftest import NOON


class TestStage:
    @pytest.mark.django_db
    def test_leaves_a_staged_entry_and_its_record(self) -> None:
        entry_id = log.stage(type="test.happened", at=NOON, subject_id=uuid.uuid4())

        assert StagedEntry.objects.get().entry_id == Record.objects.get().entry_id == entry_id
