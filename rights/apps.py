"""The rights app."""

from django.apps import AppConfig
from django.core import checks


class RightsConfig(AppConfig):
    """One of the three apps in a line: provenance, rights, ledger."""

    name = "rights"
    label = "rights"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks that keep development stand-ins out of production."""
        from ledger.stack.checks import TAG  # Apps are ready only now.
        from rights.settlement.checks import check

        checks.register(check, TAG)
