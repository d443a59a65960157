"""Bring the database to this version: tables, privileges, queues, roles. Safe to repeat."""

from __future__ import annotations

import os
from typing import Any

import pgtrigger
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from psycopg import sql

from ledger.accounts import roles
from ledger.stack import broker, postgres

PROVISION_LOCK = 0x0C0DE_0001


class Command(BaseCommand):
    help = "Migrate, give the application's role what it needs and no more, and make the queues."

    def handle(self, *, verbosity: int, **_options: Any) -> None:
        """One provisioner at a time; the second waits and finds nothing to do."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [PROVISION_LOCK])
        call_command("migrate", interactive=False, verbosity=verbosity)
        with transaction.atomic():
            _grant_privileges()
            roles.provide()
        if url := os.environ.get("CELERY_BROKER_URL"):
            broker.install(url)


def _grant_privileges() -> None:
    """Let the application's role read and write, but never change an insert-only row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname <> current_user",
            [postgres.APPLICATION],
        )
        if cursor.fetchone() is None:
            return
        role = sql.Identifier(postgres.APPLICATION)
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
        cursor.execute(
            sql.SQL(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"
            ).format(role)
        )
        cursor.execute(
            sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(role)
        )
        for table in insert_only_tables():
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(
                    sql.Identifier(table), role
                )
            )
        cursor.execute(
            sql.SQL("REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {}").format(role)
        )


def insert_only_tables() -> list[str]:
    """Return the tables whose trigger forbids both UPDATE and DELETE, in order."""
    forbidden = {str(pgtrigger.Update | pgtrigger.Delete), str(pgtrigger.Delete | pgtrigger.Update)}
    return sorted(
        model._meta.db_table
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", ())
        if isinstance(trigger, pgtrigger.Protect) and str(trigger.operation) in forbidden
    )
