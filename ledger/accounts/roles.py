"""Roles: named groups of permissions, the least that each job needs."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission

from ledger.db import step

# "app.codename". Object permissions narrow these further: a rights holder sees only its own files.
ROLES: dict[str, tuple[str, ...]] = {
    # Pseudonyms only; whoever has cause is given `investigator` besides, for as long as it lasts.
    "auditor": (
        "ledger.view_account",
        "ledger.view_grant",
        "ledger.view_use",
        "ledger.view_decision",
        "ledger.view_entry",
        "ledger.view_checkpoint",
        "provenance.view_render",
        "provenance.view_seal",
        "provenance.view_export",
        "provenance.add_export",
        "rights.view_licence",
        "rights.view_posting",
        "rights.view_takedowncase",
        "rights.view_statementofreasons",
        "rights.view_staydown",
    ),
    "investigator": ("ledger.view_record",),
    "rights_holder": (
        "rights.view_optout",
        "rights.add_optout",
        "rights.change_optout",
        "rights.view_rightsholder",
    ),
    "estate": ("rights.view_estate", "rights.add_estate", "rights.view_takedowncase"),
    "moderator": (
        "ledger.view_account",  # To name whom a rights holder or an estate's claimant is.
        "ledger.view_cameo",
        "ledger.view_enrolment",
        "ledger.review_enrolment",
        "ledger.view_capture",
        "provenance.view_render",
        "rights.view_optout",
        "rights.change_optout",
        "rights.view_rightsholder",
        "rights.change_rightsholder",
        "rights.view_estate",
        "rights.change_estate",
        "rights.add_estate",
        "rights.view_takedowncase",
        "rights.change_takedowncase",
        "rights.open_notice",
        "rights.view_statementofreasons",
        "rights.view_staydown",
        "rights.add_rightsholder",
    ),
    "support": (
        "ledger.view_account",
        "ledger.view_guardianship",
        "ledger.view_notification",
        "ledger.suspend_account",
    ),
    "operator": (
        "ledger.view_outboxmessage",
        "ledger.view_checkpoint",
        "ledger.view_entry",
    ),
}


@step
def provide() -> None:
    """Make each role's group hold exactly its permissions. Safe to repeat."""
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set([known[code] for code in wanted])
