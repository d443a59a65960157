"""Who signs claims: a key in a file for development, an HSM or KMS behind the same few words.

Trusted: whoever can call `sign` makes seals that read as ours until the certificate is withdrawn. No
seal opens a vault or moves money. In production the key lies in an HSM and never in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from provenance.seals import certificates, issuing
from provenance.seals.errors import (
    CertificateForDevelopment,
    CertificateKeyMismatch,
    SealUnavailable,
)

# Files of `C2PA_KEYS_DIR`.
LEAF_KEY, CHAIN = "leaf.key", "chain.pem"
TRUST, TSA_TRUST = "trust.pem", "tsa.pem"


@dataclass(frozen=True)
class Trust:
    """Under whose roots a claim or a time-stamp is trusted. Two lists, never mixed; PEM."""

    claim_pem: str
    time_stamp_pem: str

    @property
    def claim_roots(self) -> tuple[x509.Certificate, ...]:
        return _roots(self.claim_pem)

    @property
    def time_stamp_roots(self) -> tuple[x509.Certificate, ...]:
        return _roots(self.time_stamp_pem)


class SignerProvider(Protocol):
    """Signs claims with ES256. `chain` is leaf first, without the root."""

    @property
    def chain(self) -> tuple[x509.Certificate, ...]: ...

    @property
    def time_stamp_url(self) -> str:
        """The RFC 3161 authority to ask; empty for none."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the ECDSA signature of SHA-256 of `data`, DER."""
        ...


@dataclass(frozen=True)
class KeySigner:
    """Signs with a private key that this process holds."""

    chain: tuple[x509.Certificate, ...]
    key: ec.EllipticCurvePrivateKey
    time_stamp_url: str = ""

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def load(folder: Path, *, time_stamp_url: str, at: datetime) -> KeySigner:
    """Return the signer whose key and chain lie in `folder`.

    Raises:
        CertificateRefused: one of its kinds; see `certificates.check_claim_chain`.
        SealUnavailable: a file is missing.
    """
    try:
        chain_pem = (folder / CHAIN).read_bytes()
        key_pem = (folder / LEAF_KEY).read_bytes()
        trust_pem = (folder / TRUST).read_bytes()
    except OSError as exc:
        raise SealUnavailable(missing=Path(str(exc.filename)).name) from exc
    chain = certificates.parse(chain_pem)
    roots = certificates.parse(trust_pem, most=certificates.ROOTS_MAX)
    leaf = certificates.check_claim_chain(chain, roots=roots, at=at)
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as exc:
        raise CertificateKeyMismatch(serial=leaf.serial_number) from exc
    certificates.check_key(leaf, key.public_key())
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateKeyMismatch(serial=leaf.serial_number)
    return KeySigner(chain, key, time_stamp_url)


def from_settings() -> SignerProvider:
    """Return the signer that settings name. Its files are read each time: keys are rotated.

    Raises:
        CertificateForDevelopment: in production, with a certificate of `make_certificates`.
        SealUnavailable: a file is missing, or in production `TSA_URL`.
    """
    folder = Path(settings.C2PA_KEYS_DIR)
    signer = load(folder, time_stamp_url=settings.TSA_URL, at=datetime.now(UTC))
    if settings.IS_PRODUCTION:
        leaf = signer.chain[0]
        if certificates.organisation(leaf.issuer) == issuing.ORGANISATION:
            raise CertificateForDevelopment(serial=leaf.serial_number)
        if not settings.TSA_URL:
            raise SealUnavailable(missing="TSA_URL")
    return signer


def trust_from_settings() -> Trust:
    """Return the roots that settings name: `trust.pem` and `tsa.pem` of `C2PA_KEYS_DIR`."""
    folder = Path(settings.C2PA_KEYS_DIR)
    try:
        return Trust((folder / TRUST).read_text(), (folder / TSA_TRUST).read_text())
    except OSError as exc:
        raise SealUnavailable(missing=Path(str(exc.filename)).name) from exc


@lru_cache(maxsize=8)
def _roots(pem: str) -> tuple[x509.Certificate, ...]:
    return certificates.parse(pem.encode(), most=certificates.ROOTS_MAX) if pem else ()
