"""Captures as files: encrypted under the cameo's own key in the `vault` storage, and back.

The key's subject is the cameo, not the account: destroying the likeness must not make the owner's
own history of consent unreadable. Erasing the account destroys both (docs/spec/enrolment.md).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from uuid import UUID

from django.core.files import File
from django.core.files.storage import storages

from ledger.cameos.errors import CaptureDestroyed
from ledger.vault import keys

ALIAS = "vault"


def keep(*, cameo_id: UUID, capture_id: UUID, source: Path) -> str:
    """Encrypt `source` into the storage. Returns the name that it lies under there.

    Raises:
        CaptureDestroyed: the cameo's key was destroyed; nothing can be kept for it any more.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-seal-") as folder:
        sealed = Path(folder) / "capture"
        try:
            keys.encrypt_file(cameo_id, source, sealed, _context(capture_id))
        except keys.KeyDestroyed as exc:
            raise CaptureDestroyed(cameo_id=cameo_id) from exc
        with sealed.open("rb") as file:
            return storages[ALIAS].save(f"captures/{capture_id.hex}.csf", File(file))


def open_to(*, cameo_id: UUID, capture_id: UUID, path: str, target: Path) -> None:
    """Decrypt a stored capture to `target`, which appears whole or not at all.

    Raises:
        CaptureDestroyed: the key was destroyed.
        CiphertextInvalid: the stored bytes are not what was put there.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-open-") as folder:
        sealed = Path(folder) / "capture"
        with storages[ALIAS].open(path, "rb") as stored, sealed.open("wb") as copy:
            shutil.copyfileobj(stored, copy)
        try:
            keys.decrypt_file(cameo_id, sealed, target, _context(capture_id))
        except keys.KeyDestroyed as exc:
            raise CaptureDestroyed(cameo_id=cameo_id) from exc


def remove(path: str) -> None:
    """Delete a stored capture. Safe to repeat; without its key it was noise already."""
    if path:
        storages[ALIAS].delete(path)


def _context(capture_id: UUID) -> bytes:
    return b"capture\n" + capture_id.bytes
