"""Mail to whoever gave a notice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail

from ledger.outbox.tasks import handler
from ledger.vault.keys import KeyDestroyed
from rights.takedowns import actions as takedowns
from rights.takedowns.models import TakedownCase

SUBJECTS = {
    "received": "We received your notice {reference}",
    "upheld": "Your notice {reference} was upheld",
    "rejected": "Your notice {reference} was not upheld",
}
BODIES = {
    "received": (
        "Your notice {reference} arrived on {received_at:%Y-%m-%d %H:%M} UTC. We decide it by "
        "{decide_due_at:%Y-%m-%d %H:%M} UTC.\n\nPlease confirm that you sent it: POST the code below "
        "as `token` to\n{service}/api/v1/takedowns/{id}/confirmation\n\n{token}\n\n{missing}"
    ),
    "upheld": "The render that you named is withdrawn. Why:\n\n{facts}\n",
    "rejected": "The render that you named stays. Why:\n\n{facts}\n",
}

MISSING = (
    "It still lacks: {names}. POST these with your `secret` to\n"
    "{service}/api/v1/takedowns/{id}/cure\n"
)


@handler
def mail(*, at: datetime, case_id: str, kind: str, token: str) -> None:
    """Write to the address in the notice. A case without one, or erased since, is passed over.

    Args:
        token: the confirmation's, encrypted; only with `received`.
    """
    case = TakedownCase.objects.select_related("statement_of_reasons").get(id=UUID(case_id))
    try:
        address = takedowns.notice_of(case).get("contact_email")
    except KeyDestroyed:
        return
    if not address:
        return
    reasons = getattr(case, "statement_of_reasons", None)
    place = {"service": settings.SERVICE_URL, "id": case.id}
    fields = {
        **place,
        "reference": case.reference,
        "received_at": case.received_at,
        "decide_due_at": case.decide_due_at,
        "token": takedowns.token_of(case.id, token) if token else "",
        "missing": MISSING.format(names=", ".join(case.missing), **place) if case.missing else "",
        "facts": reasons.decision_facts if reasons else "",
    }
    send_mail(
        SUBJECTS[kind].format(**fields),
        BODIES[kind].format(**fields),
        settings.DEFAULT_FROM_EMAIL,
        [str(address)],
    )
