"""The provenance app."""

from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    """One of the three apps in a line: provenance, rights, ledger."""

    name = "provenance"
    label = "provenance"
    default_auto_field = "django.db.models.BigAutoField"
