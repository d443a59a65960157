"""Who this log is: its name, and the key that signs its checkpoints."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ledger.log.notes import ED25519, Signer, VerifierKey, parse_vkey
from ledger.vault import keyfiles

SEED_SIZE_BYTES = 32


def signer() -> Signer:
    """Return the log's signer: the 32-byte Ed25519 seed in `KEYS_DIR/log.key`.

    Trusted: whoever holds this file can sign another history of this log; a witness that has seen
    this one will not cosign it. Development makes the file on first use.

    Raises:
        ImproperlyConfigured: production has no such file, or it has not 32 bytes.
    """
    path = settings.KEYS_DIR / "log.key"
    if settings.IS_PRODUCTION and not path.exists():
        raise ImproperlyConfigured(f"the log's key is missing: {path}")
    seed = keyfiles.read_or_create(path, keyfiles.random_key)
    if len(seed) != SEED_SIZE_BYTES:
        raise ImproperlyConfigured(f"not a 32-byte Ed25519 seed: {path}")
    return Signer.of_seed(settings.LOG_ORIGIN, seed, ED25519)


def verifier() -> VerifierKey:
    """Return the log's public key: of the key at hand, or as it was published.

    Only the sequencer's machine needs the key itself; others have the published folder.
    """
    published: Path = settings.LOG_PUBLIC_DIR / "vkey"
    if published.exists() and not (settings.KEYS_DIR / "log.key").exists():
        return parse_vkey(published.read_text())
    return signer().verifier


def witnesses() -> dict[str, VerifierKey]:
    """Return the verifier key of each configured witness, by its address.

    Raises:
        ImproperlyConfigured: there are not as many keys as addresses.
    """
    urls, vkeys = settings.LOG_WITNESS_URLS, settings.LOG_WITNESS_VKEYS
    if len(urls) != len(vkeys):
        raise ImproperlyConfigured("LOG_WITNESS_URLS and LOG_WITNESS_VKEYS differ in length")
    return {url.rstrip("/"): parse_vkey(vkey) for url, vkey in zip(urls, vkeys, strict=True)}
