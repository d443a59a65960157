"""Lineages to report on, and reports, made by the real actions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.log import actions as entries
from provenance.renders import files
from provenance.renders.models import Render
from provenance.reports import actions as reports
from provenance.reports.models import Export
from provenance.seals.models import CertificateRecord, Seal
from tests.factories import accounts, log, renders, seals
from tests.factories import rights as rights_rows


@dataclass(frozen=True)
class Lineage:
    """Ada's likeness in Ben's render, and Cem's remix of it, which names somebody in its title."""

    ada: Account
    ben: Account
    cem: Account
    cameo: Cameo
    first: Render
    remix: Render


def lineage() -> Lineage:
    """Return two released renders, one a remix of the other, with a seal and a takedown case."""
    ada, ben, cem = (renders.person(name) for name in ("ada", "ben", "cem"))
    cameo = renders.cameo(ada, remix_allowed=True)
    first = renders.released_row(ben, cameo, body=b"the first")
    Render.objects.filter(pk=first.pk).update(title="=Harbour with Ada Lovelace")
    sealed(first)
    remix = renders.requested(cem, cameo, parent_id=first.pk, title="Ada again")
    rights_rows.case(first.use)
    first.refresh_from_db()
    return Lineage(ada, ben, cem, cameo, first, remix)


def sealed(render: Render) -> Seal:
    """Return the seal of a render whose file was not really sealed: its rows alone."""
    at = timezone.now()
    leaf = seals.authorities().leaf
    certificate, _ = CertificateRecord.objects.get_or_create(
        fingerprint_sha256=hashlib.sha256(leaf.certificate_pem).digest(),
        defaults={
            "serial": str(leaf.certificate.serial_number),
            "chain_pem": leaf.certificate_pem.decode(),
            "starts_at": leaf.certificate.not_valid_before_utc,
            "ends_at": leaf.certificate.not_valid_after_utc,
            "created_at": at,
        },
    )
    row = Seal.objects.create(
        use=render.use,
        certificate=certificate,
        sha256=bytes(render.sealed_sha256 or b""),
        size_bytes=9,
        manifest_label=f"urn:c2pa:{render.pk}",
        manifest_sha256=b"m" * 32,
        visible_mark=True,
        invisible_mark=True,
        manifest=True,
        created_at=at,
    )
    with transaction.atomic():
        entries.stage(type="test.sealed", at=at, subject_id=render.use.requester_id, rows=[row])
    files.path_of(render.sealed_path).unlink()  # No manifest is in it.
    return row


def auditor(*, has_cause: bool = False) -> Account:
    """Return somebody who may ask for any report; with cause also who is who."""
    account = accounts.account()
    wanted = ["add_export", *(["view_record"] if has_cause else [])]
    account.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    return Account.objects.get(id=account.id)


def asked(by: Account, *, kind: str = "render", about: Any = None, **period: Any) -> Export:
    """Return a report that was just asked for."""
    fields: dict[str, Any] = {"starts_at": None, "ends_at": None, "at": timezone.now()}
    return reports.ask(kind=kind, about_id=getattr(about, "pk", about), by=by, **(fields | period))


def built(by: Account, **what: Any) -> Export:
    """Return a report that is done. Needs `django_db(transaction=True)`."""
    export = asked(by, **what)
    log.sequence_all()
    reports.build(report_id=export.id, at=timezone.now())
    export.refresh_from_db()
    assert export.state == Export.State.DONE
    return export


def file_of(export: Export, name: str) -> Path:
    """Return where a file of a report lies."""
    return Path(default_storage.path(f"{export.folder}/{name}"))
