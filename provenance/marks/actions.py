"""Writing which mark and fingerprint belong to which use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from gpu_worker.contract import badge, mark
from ledger.consent.models import Use
from ledger.db import step
from ledger.errors import Conflict
from ledger.log import actions as log
from provenance.marks import fingerprints, keys
from provenance.marks.models import Fingerprint, MarkIndex

SALTS_MAX: Final = 8


class MarkNotAllocated(Conflict):
    code = "mark-not-allocated"
    title = "This render was registered with a mark that was not made for it."


class FingerprintDiffers(Conflict):
    code = "fingerprint-differs"
    title = "Another fingerprint is already registered for this render."


@dataclass(frozen=True)
class MarkSecret:
    """What a worker needs to mark one render. `payload` has 64 bits, `pattern_key` 32 bytes."""

    mark_id: int
    payload: int = field(repr=False)
    pattern_key: bytes = field(repr=False)
    text: str  # Of the visible mark.


@step
def allocate(*, render_id: UUID, at: datetime) -> MarkSecret:
    """Return the mark of a render, made on the first call: safe to repeat.

    Its id is drawn from the render's id and the key; where that id is another render's (one in a
    million, with a million renders), the next salt gives another.
    """
    row = MarkIndex.objects.filter(use_id=render_id).first() or _insert(render_id, at)
    key = keys.of_version(row.key_version)
    return MarkSecret(
        mark_id=row.mark_id,
        payload=mark.sign(row.mark_id, key.mac_key),
        pattern_key=key.pattern_key,
        text=text_of(render_id),
    )


@step
def register(
    *, render_id: UUID, mark_id: int, fingerprint: fingerprints.Fingerprint, at: datetime
) -> Fingerprint:
    """Keep the fingerprint of a render's finished video, once its mark was found in it.

    Safe to repeat with the same fingerprint.

    Raises:
        MarkNotAllocated: the mark that was found is not this render's.
        FingerprintDiffers: another was registered before; the first one stands.
    """
    if not MarkIndex.objects.filter(use_id=render_id, mark_id=mark_id).exists():
        raise MarkNotAllocated(render_id=render_id)
    row, is_new = Fingerprint.objects.get_or_create(
        use_id=render_id,
        defaults={"code": fingerprint.code, "bits": fingerprint.bits, "created_at": at},
    )
    if row.code != fingerprint.code:
        raise FingerprintDiffers(render_id=render_id)
    if is_new:
        log.stage(
            type="fingerprint.registered",
            at=at,
            subject_id=_requester_id(render_id),
            rows=[row],
            public={"algorithm": fingerprints.ALGORITHM},
        )
    return row


def text_of(render_id: UUID) -> str:
    """Return the visible mark's text: the service, and the first eight digits of the render's id."""
    digits = render_id.hex[:8]
    return badge.text_of(settings.MARK_SERVICE_NAME, f"{digits[:4]} {digits[4:]}")


def _insert(render_id: UUID, at: datetime) -> MarkIndex:
    key = keys.current()
    for salt in range(SALTS_MAX):
        row = MarkIndex(
            use_id=render_id,
            mark_id=mark.identify(render_id, key.mac_key, salt=salt),
            key_version=key.version,
            created_at=at,
        )
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as exc:
            if _constraint(exc) != "mark_id_names_one_use":
                raise
            continue
        log.stage(type="mark.allocated", at=at, subject_id=_requester_id(render_id), rows=[row])
        return row
    raise MarkNotAllocated(render_id=render_id)


def _constraint(exc: IntegrityError) -> str | None:
    return getattr(getattr(exc.__cause__, "diag", None), "constraint_name", None)


def _requester_id(render_id: UUID) -> UUID:
    return Use.objects.values_list("requester_id", flat=True).get(pk=render_id)
