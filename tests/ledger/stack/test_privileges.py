"""The application's own role cannot change what is a fact, nor the rules that keep it one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from ledger.management.commands import provision
from ledger.stack import postgres


@pytest.fixture
def application() -> Iterator[psycopg.Connection]:
    """A connection to the test's database as the role that the service runs as."""
    provision._grant_privileges()
    passwords = json.loads(
        (Path(os.environ["COUNTERSIGN_TEST_VAR"]) / "postgres" / "credentials.json").read_text()
    )
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"],
        dbname=settings["NAME"],
        user=postgres.APPLICATION,
        password=passwords[postgres.APPLICATION],
        autocommit=True,
    ) as own:
        yield own


@pytest.mark.django_db(transaction=True)
class TestApplicationRole:
    def test_cannot_change_or_delete_insert_only_rows(
        self, application: psycopg.Connection
    ) -> None:
        tables = provision.insert_only_tables()

        assert {"ledger_entry", "ledger_record", "ledger_decision", "rights_posting"} <= set(tables)
        for table in tables:
            asked = application.execute(
                "SELECT bool_or(has_table_privilege(%(t)s, p)) FROM unnest(%(p)s::text[]) AS p",
                {"t": table, "p": ["UPDATE", "DELETE", "TRUNCATE"]},
            )
            assert asked.fetchone() == (False,), table
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    @pytest.mark.parametrize(
        "change",
        [
            "CREATE TABLE own (value int)",
            "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
            "ALTER TABLE ledger_entry ADD COLUMN own int",
            "DROP TABLE ledger_entry",
            "DELETE FROM django_migrations",
            "SET session_replication_role = replica",
            "SELECT pg_read_file('/etc/passwd')",
        ],
    )
    def test_cannot_change_the_rules(self, application: psycopg.Connection, change: str) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(change)  # type: ignore[call-overload]  # Not a literal.

    def test_can_read_and_insert(self, application: psycopg.Connection) -> None:
        assert application.execute("SELECT count(*) FROM ledger_entry").fetchone() == (0,)
