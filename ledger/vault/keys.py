"""Encryption under a key of each subject's own. Destroying the key destroys what it locked.

The bytes are described in docs/spec/log.md. `None` for a subject means the service itself: what is
about nobody. Every ciphertext is bound to its subject and to the caller's `context`, so that one can
never be passed off as another.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection
from django.db.models.functions import Now

from ledger.db import step
from ledger.errors import Malformed, NotFound
from ledger.vault import files, providers
from ledger.vault.models import SubjectKey

SERVICE = UUID(int=0)  # The subject of what is about nobody.
VERSION = b"\x01"
NONCE_SIZE_BYTES = 12
KEYS_HELD_MAX = 10_000


class KeyDestroyed(NotFound):
    code = "vault-key-destroyed"
    title = "What was kept about this person has been erased."
    http_status = 410


class CiphertextInvalid(Malformed):
    code = "vault-ciphertext-invalid"
    title = "The stored bytes are not what was encrypted here."


@step
def ensure(subject_id: UUID, at: datetime) -> None:
    """Make sure that the subject has a key.

    Raises:
        KeyDestroyed: it had one, and there is never a second.
    """
    _key(subject_id, made_at=at)


@step
def destroy(subject_id: UUID, at: datetime) -> SubjectKey:
    """Destroy the subject's key for ever. Safe to repeat. Returns its row, to be logged.

    Call `ledger.log.actions.erase`, which does this and leaves the entry that it must leave. A subject
    that never had a key gets a destroyed one, so that none is made later.
    """
    if subject_id == SERVICE:
        raise ValueError("the service's own key is not a person's")
    row, is_new = SubjectKey.objects.select_for_update().get_or_create(
        subject_id=subject_id, defaults={"wrapped": None, "created_at": at, "destroyed_at": at}
    )
    if not is_new and row.destroyed_at is None:
        row.wrapped, row.destroyed_at = None, at
        row.save(update_fields=["wrapped", "destroyed_at"])
    return row


def encrypt(subject_id: UUID | None, plaintext: bytes, context: bytes) -> bytes:
    """Return `plaintext` under the subject's key, which is made on first use.

    Raises:
        KeyDestroyed: nothing can be kept about this subject any more.
    """
    nonce = secrets.token_bytes(NONCE_SIZE_BYTES)
    ciphertext = AESGCM(_key(subject_id)).encrypt(nonce, plaintext, _bound(subject_id, context))
    return VERSION + nonce + ciphertext


def decrypt(subject_id: UUID | None, ciphertext: bytes, context: bytes) -> bytes:
    """Return what was encrypted for this subject in this context.

    Raises:
        KeyDestroyed: nobody can read it any more.
        CiphertextInvalid: it was changed, or belongs to another subject or context.
    """
    return Opener().decrypt(subject_id, ciphertext, context)


class Opener:
    """Decrypts many ciphertexts, reading each subject's key once. Holds keys: let it go soon."""

    def __init__(self) -> None:
        self._ciphers: dict[UUID, AESGCM] = {}

    def decrypt(self, subject_id: UUID | None, ciphertext: bytes, context: bytes) -> bytes:
        """Do what `decrypt` does, and raise what it raises."""
        subject = subject_id or SERVICE
        if subject not in self._ciphers:
            if len(self._ciphers) >= KEYS_HELD_MAX:
                self._ciphers.clear()
            self._ciphers[subject] = AESGCM(_existing_key(subject))
        version, nonce, sealed = ciphertext[:1], ciphertext[1:13], ciphertext[13:]
        if version != VERSION:
            raise CiphertextInvalid
        try:
            return self._ciphers[subject].decrypt(nonce, sealed, _bound(subject_id, context))
        except (InvalidTag, ValueError) as exc:
            raise CiphertextInvalid from exc


def encrypt_file(subject_id: UUID | None, source: Path, target: Path, context: bytes) -> None:
    """Encrypt a file in chunks; `target` appears whole or not at all.

    Raises:
        KeyDestroyed: nothing can be kept about this subject any more.
    """
    files.encrypt(_key(subject_id), source, target, _bound(subject_id, context))


def decrypt_file(subject_id: UUID | None, source: Path, target: Path, context: bytes) -> None:
    """Decrypt a file; `target` appears whole, and only when every chunk was authentic.

    Raises:
        KeyDestroyed: nobody can read it any more.
        CiphertextInvalid: it was changed, cut, reordered, or belongs elsewhere.
    """
    try:
        files.decrypt(
            _existing_key(subject_id or SERVICE), source, target, _bound(subject_id, context)
        )
    except files.NotAuthentic as exc:
        raise CiphertextInvalid from exc


def _key(subject_id: UUID | None, made_at: datetime | Now | None = None) -> bytes:
    """Return the subject's key, made on first use."""
    subject = subject_id or SERVICE
    found = _wrapped(subject)
    if found is None:
        wrapped = providers.from_settings().wrap(secrets.token_bytes(32), subject_id=subject)
        fresh = SubjectKey(subject_id=subject, wrapped=wrapped, created_at=made_at or Now())
        SubjectKey.objects.bulk_create([fresh], ignore_conflicts=True)  # The first one wins.
        found = _wrapped(subject)
    return _unwrapped(subject, found)


def _existing_key(subject: UUID) -> bytes:
    found = _wrapped(subject)
    if found is None:  # It was never used here, so nothing can have been encrypted under it.
        raise CiphertextInvalid
    return _unwrapped(subject, found)


def _wrapped(subject: UUID) -> tuple[bytes | None] | None:
    """Return the stored key in a tuple, or None. Plain SQL: every transaction asks this."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT wrapped FROM ledger_subjectkey WHERE subject_id = %s", [subject])
        row = cursor.fetchone()
    return None if row is None else (row[0],)


def _unwrapped(subject: UUID, found: tuple[bytes | None] | None) -> bytes:
    if found is None or found[0] is None:
        raise KeyDestroyed(subject_id=subject)
    return providers.from_settings().unwrap(bytes(found[0]), subject_id=subject)


def _bound(subject_id: UUID | None, context: bytes) -> bytes:
    return b"countersign/vault/v1\n" + (subject_id or SERVICE).bytes + context
