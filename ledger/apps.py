"""The ledger app."""

from django.apps import AppConfig
from django.core import checks


class LedgerConfig(AppConfig):
    """One of the three apps in a line: provenance, rights, ledger."""

    name = "ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks that keep development stand-ins out of production."""
        from ledger.stack.checks import TAG, check  # Apps are ready only now.

        checks.register(check, TAG)
