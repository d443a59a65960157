"""One person's things, one of each kind that has an address."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from ledger.log import actions as log
from ledger.notifications.models import Notification
from provenance.reports import actions as reports
from tests.factories import accounts, cameos, consent, renders, settlement
from tests.factories import rights as rights_rows


class World:
    """An owner, a stranger, and the ids of what is the owner's, by parameter of an address."""

    def __init__(self) -> None:
        at = timezone.now()
        self.owner = accounts.account()
        self.stranger = accounts.account()
        cameo = renders.cameo(self.owner, audience="self")
        render = renders.released_row(self.owner, cameo, body=b"sealed bytes")
        told = Notification.objects.create(
            account=self.owner, kind="test", about_id=cameo.id, created_at=at
        )
        with transaction.atomic():
            entry_id = log.stage(type="test.happened", at=at, subject_id=self.owner.id)
        report = reports.ask(
            kind="render", about_id=render.pk, starts_at=None, ends_at=None, by=self.owner, at=at
        )
        submitted = rights_rows.case(render.use)
        self.ids: dict[str, Any] = {
            "account_id": self.owner.id,
            "handle": self.owner.handle,
            "notification_id": told.id,
            "enrolment_id": cameos.enrolment(cameo).id,
            "cameo_id": cameo.id,
            "grant_id": consent.grant(cameo, accounts.account()).id,
            "use_id": render.pk,
            "render_id": render.pk,
            "entry_id": entry_id,
            "licence_id": settlement.quoted(buyer=self.owner).id,
            "case_id": submitted.case.id,
            "report_id": report.id,
            "name": "report.json",
            "manifest_label": "urn:c2pa:none",
        }


def let_go(answer: Any) -> None:
    """Give back what a streamed answer holds, as a server does when its client is gone.

    Not by `answer.close()`: that also closes the database connection that the test still needs.
    """
    for close in answer._resource_closers:
        close()
