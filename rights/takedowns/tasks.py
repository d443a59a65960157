"""Mail to whoever gave a notice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail

from ledger.outbox.tasks import handler
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


@handler
def mail(*, at: datetime, case_id: str, kind: str, token: str) -> None:
    """Write to the address in the notice. A case without one is passed over."""
    case = TakedownCase.objects.select_related("statement_of_reasons").get(id=UUID(case_id))
    address = takedowns.notice_of(case).get("contact_email")
    if not address:
        return
    reasons = getattr(case, "statement_of_reasons", None)
    fields = {
        "reference": case.reference,
        "received_at": case.received_at,
        "decide_due_at": case.decide_due_at,
        "service": settings.SERVICE_URL,
        "id": case.id,
        "token": token,
        "missing": f"Still missing: {', '.join(case.missing)}." if case.missing else "",
        "facts": reasons.decision_facts if reasons else "",
    }
    send_mail(
        SUBJECTS[kind].format(**fields),
        BODIES[kind].format(**fields),
        settings.DEFAULT_FROM_EMAIL,
        [str(address)],
    )
