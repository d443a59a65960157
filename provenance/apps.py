"""The provenance app."""

from django.apps import AppConfig
from django.core import checks


class ProvenanceConfig(AppConfig):
    """One of the three apps in a line: provenance, rights, ledger."""

    name = "provenance"
    label = "provenance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks that keep development keys and certificates out of production."""
        from ledger.stack.checks import TAG  # Apps are ready only now.
        from provenance.checks import check

        checks.register(check, TAG)
