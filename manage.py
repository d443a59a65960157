#!/usr/bin/env python
"""Run a management command, beside the running database or with one started for as long as it runs."""

import os
import sys

from ledger.stack.database import available

# These change tables, which only the owner's role may do.
OWNERS_COMMANDS = ("migrate", "provision")


def main() -> None:
    """Put the database's address into the environment, then hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.settings")
    with available():
        if sys.argv[1:2] and sys.argv[1] in OWNERS_COMMANDS:
            os.environ["DATABASE_URL"] = os.environ["MIGRATION_DATABASE_URL"]
        from django.core.management import execute_from_command_line  # After the environment.

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
