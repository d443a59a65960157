"""Every kind of value has one plain form."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo, Terms
from ledger.consent.models import Use
from ledger.log import entries, snapshots
from tests.conftest import NOON

SOME_ID = uuid.UUID(int=7)


class Colour(Enum):
    RED = "red"


class TestPlain:
    @pytest.mark.parametrize(
        ("value", "form"),
        [
            (None, None),
            (True, True),
            (7, 7),
            (2**53 - 1, 2**53 - 1),
            (2**53, "9007199254740992"),
            (-(2**63), "-9223372036854775808"),
            (1.5, 1.5),
            (float("nan"), "nan"),
            (float("-inf"), "-inf"),
            (Decimal("10.000"), "10.000"),
            (Decimal("1E+3"), "1000"),
            (SOME_ID, "00000000-0000-0000-0000-000000000007"),
            (dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC), "2026-06-01T12:00:00.000000Z"),
            (
                dt.datetime(2026, 6, 1, 14, 0, 0, 5, tzinfo=dt.timezone(dt.timedelta(hours=2))),
                "2026-06-01T12:00:00.000005Z",
            ),
            (dt.date(2026, 6, 1), "2026-06-01"),
            (dt.time(12, 30), "12:30:00"),
            (dt.timedelta(days=1, seconds=2), "P1DT00H00M02S"),
            (b"\x00\xff", "AP8="),
            (memoryview(b"\x00\xff"), "AP8="),
            (Colour.RED, "red"),
            (Account.State.ACTIVE, "active"),
            ((1, [SOME_ID]), [1, ["00000000-0000-0000-0000-000000000007"]]),
            (frozenset({"b", "a"}), ["a", "b"]),
            ({SOME_ID: {"a": 2**60}}, {str(SOME_ID): {"a": "1152921504606846976"}}),
        ],
    )
    def test_is_what_was_agreed_and_can_be_canonical(self, value: Any, form: Any) -> None:
        plain = snapshots.plain(value)

        assert plain == form
        assert type(plain) is type(form)
        assert entries.canonical(plain)

    def test_is_refused_for_what_has_none(self) -> None:
        with pytest.raises(TypeError):
            snapshots.plain(object())


@pytest.mark.django_db
class TestOfRows:
    def test_can_read_every_model(self) -> None:
        for model in apps.get_models(include_auto_created=True):
            statement, _ = snapshots._reader(model)
            with connection.cursor() as cursor:
                cursor.execute(statement, [[]])
                assert cursor.fetchall() == []

    def test_gives_what_the_orm_gives(self) -> None:
        owner = Account.objects.create(
            email="a@example.com", handle="someone", born_on=dt.date(2000, 2, 29)
        )
        cameo = Cameo.objects.create(
            owner=owner, preferences={"clothing": ["red", 1.5], "none": None}, created_at=NOON
        )
        terms = Terms.objects.create(
            cameo=cameo,
            version=1,
            purposes=["personal", "commercial"],
            fees={"commercial": {"amount_minor": 2**60, "currency": "usd"}},
            created_at=NOON,
        )
        use = Use.objects.create(
            requester=owner,
            purpose="personal",
            seconds=Decimal("1.5"),
            texts=['a "quoted", text'],
            state="requested",
            state_at=NOON,
            created_at=NOON,
        )

        for row in (owner, cameo, terms, use):
            model, names = type(row), snapshots.logged_columns(type(row))
            values = model._base_manager.values_list(*names).get(pk=row.pk)
            expected = snapshots.of_columns(model, row.pk, dict(zip(names, values, strict=True)))
            assert snapshots.of_rows([row]) == [expected]
