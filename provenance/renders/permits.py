"""The service's permit key, and what it signs; the workers' keys, and what they signed.

The thief of the permit key can have captures decrypted for renders that were dispatched, until their
permits are redeemed or run out; not release anything, and not sign a seal. See docs/spec/renders.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from gpu_worker.contract import errors as contract
from gpu_worker.contract import job as jobs
from gpu_worker.contract import keys, permit, receipt
from ledger.vault import keyfiles
from provenance.renders.errors import PermitInvalid, PermitKeyMissing, ReceiptInvalid

KEY_FILE = "permit.key"
PREVIOUS_FOLDER = "permit-previous"  # Public keys whose permits may still be about, as *.pem.


def sign(job: jobs.Job, *, not_before_at: datetime, expires_at: datetime) -> str:
    """Return the permit for exactly this job, a compact JWS."""
    key = _private_key()
    claims = permit.for_job(job, not_before_at=not_before_at, expires_at=expires_at)
    return permit.sign(claims, key, keys.key_id(key.public_key()))


def read(token: str) -> permit.PermitClaims:
    """Return the claims of a permit that this service signed, whatever the time.

    Raises:
        PermitInvalid: it is none.
    """
    try:
        return permit.read(token, keys=public_keys())
    except contract.PermitError as exc:
        raise PermitInvalid from exc


def public_keys() -> dict[str, Ed25519PublicKey]:
    """Return the keys that permits may be signed with, by their thumbprints."""
    current = _private_key().public_key()
    return {
        keys.key_id(current): current,
        **keys.from_folder(settings.KEYS_DIR / PREVIOUS_FOLDER),
    }


def jwks() -> dict[str, Any]:
    """Return the public keys as a JWK set, for workers."""
    return keys.to_jwks(public_keys().values())


def read_receipt(token: str) -> receipt.Receipt:
    """Return the receipt that a registered worker signed.

    Raises:
        ReceiptInvalid: it is none.
    """
    try:
        return receipt.verify(token, keys=worker_keys())
    except contract.ContractError as exc:
        raise ReceiptInvalid(reason=exc.code) from exc


def worker_keys() -> Mapping[str, Ed25519PublicKey]:
    """Return the registered workers' public keys: the `*.pem` files of `WORKER_PUBLIC_KEYS_DIR`."""
    return keys.from_folder(settings.WORKER_PUBLIC_KEYS_DIR)


def _private_key() -> Ed25519PrivateKey:
    """Return the signing key; a development machine makes its own on first use."""
    path: Path = settings.KEYS_DIR / KEY_FILE
    if settings.IS_PRODUCTION and not path.exists():
        raise PermitKeyMissing
    key = load_pem_private_key(keyfiles.read_or_create(path, _new_key), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise PermitKeyMissing
    return key


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
