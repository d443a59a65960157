"""The rights app."""

from django.apps import AppConfig


class RightsConfig(AppConfig):
    """One of the three apps in a line: provenance, rights, ledger."""

    name = "rights"
    label = "rights"
    default_auto_field = "django.db.models.BigAutoField"
