"""Who wraps the subjects' keys: a key of this machine, or a KMS behind the same two calls.

Trusted: whoever holds the wrapping key and the database reads everything in the vault. Whoever holds
only one of the two reads nothing.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ledger.errors import Unavailable
from ledger.vault import keyfiles

NONCE_SIZE_BYTES = 12


class KeyUnreadable(Unavailable):
    code = "vault-key-unreadable"
    title = "A stored key was not wrapped by the vault key that this service holds."


class KeyProvider(Protocol):
    """Wraps and unwraps 256-bit data keys. `subject_id` is bound to the result."""

    def wrap(self, key: bytes, *, subject_id: UUID) -> bytes:
        """Return `key` encrypted."""
        ...

    def unwrap(self, wrapped: bytes, *, subject_id: UUID) -> bytes:
        """Return the key again. Raises `KeyUnreadable` when it is not one that we wrapped."""
        ...


class LocalKeyProvider:
    """Wraps with AES-256-GCM under one 32-byte key that this process holds."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ImproperlyConfigured("VAULT_KEY must be 32 bytes, base64")
        self._cipher = AESGCM(key)

    def wrap(self, key: bytes, *, subject_id: UUID) -> bytes:
        nonce = secrets.token_bytes(NONCE_SIZE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, self._context(subject_id))

    def unwrap(self, wrapped: bytes, *, subject_id: UUID) -> bytes:
        nonce, ciphertext = wrapped[:NONCE_SIZE_BYTES], wrapped[NONCE_SIZE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._context(subject_id))
        except (InvalidTag, ValueError) as exc:
            raise KeyUnreadable(subject_id=subject_id) from exc

    @staticmethod
    def _context(subject_id: UUID) -> bytes:
        return b"countersign/vault/wrapped-key/v1\n" + subject_id.bytes


def from_settings() -> KeyProvider:
    """Return the provider that settings name: `VAULT_KEY`, or a development machine's own file."""
    return _local(settings.VAULT_KEY, str(settings.KEYS_DIR), settings.IS_PRODUCTION)


@lru_cache(maxsize=4)
def _local(configured: str, folder: str, is_production: bool) -> LocalKeyProvider:
    if configured:
        try:
            return LocalKeyProvider(base64.b64decode(configured, validate=True))
        except binascii.Error as exc:
            raise ImproperlyConfigured("VAULT_KEY must be 32 bytes, base64") from exc
    if is_production:
        raise ImproperlyConfigured("VAULT_KEY must be set in production")
    path = settings.KEYS_DIR / "vault.key"
    return LocalKeyProvider(keyfiles.read_or_create(path, keyfiles.random_key))
