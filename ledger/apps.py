"""The ledger app."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """One of the three apps in a line: provenance, rights, ledger."""

    name = "ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"
