"""Certificates for development: two small hierarchies, one for claims and one for time-stamps.

In production the leaf comes from an authority on the C2PA trust list and its key lies in an HSM; see
docs/runbooks/certificates.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provenance.seals import certificates

ROOT_LIFETIME = timedelta(days=3650)
INTERMEDIATE_LIFETIME = timedelta(days=1825)
LEAF_LIFETIME = timedelta(days=365)
ORGANISATION = "Countersign development"  # Production refuses leaves of it.
BACKDATED = timedelta(minutes=5)  # For clocks that are a little behind.


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """PKCS#8, not encrypted: the file's mode is its protection in development."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def issue_root(*, name: str, at: datetime, organisation: str = ORGANISATION) -> Issued:
    """Return a new root authority, valid for ten years."""
    return _issue(
        name, None, at=at, lifetime=ROOT_LIFETIME, path_length=2, organisation=organisation
    )


def issue_intermediate(parent: Issued, *, name: str, at: datetime) -> Issued:
    """Return a new authority under a root, which signs leaves only, valid for five years."""
    return _issue(name, parent, at=at, lifetime=INTERMEDIATE_LIFETIME, path_length=0)


def issue_claim_leaf(
    parent: Issued,
    *,
    name: str,
    at: datetime,
    lifetime: timedelta = LEAF_LIFETIME,
    purposes: frozenset[x509.ObjectIdentifier] = certificates.CLAIM_PURPOSES,
    organisation: str = ORGANISATION,
) -> Issued:
    """Return a new certificate that signs claims, by the profile, valid for a year."""
    return _issue(
        name, parent, at=at, lifetime=lifetime, purposes=purposes, organisation=organisation
    )


def issue_time_stamping_leaf(parent: Issued, *, name: str, at: datetime) -> Issued:
    """Return a new certificate that time-stamps; its purpose is critical and its only one."""
    return _issue(
        name,
        parent,
        at=at,
        lifetime=LEAF_LIFETIME,
        purposes=certificates.TIME_STAMPING_PURPOSES,
        purposes_critical=True,
    )


def _issue(
    name: str,
    parent: Issued | None,
    *,
    at: datetime,
    lifetime: timedelta,
    path_length: int | None = None,
    purposes: frozenset[x509.ObjectIdentifier] = frozenset(),
    purposes_critical: bool = False,
    organisation: str = ORGANISATION,
) -> Issued:
    """Sign one certificate on a fresh P-256 key; an authority when it has a path length."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "ZZ"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    starts_at = at - BACKDATED
    authority = path_length is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.certificate.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts_at)
        .not_valid_after(starts_at + lifetime)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(_key_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if parent:
        builder = builder.add_extension(_authority_key(parent), critical=False)
    if purposes:
        ordered = sorted(purposes, key=lambda oid: oid.dotted_string)
        builder = builder.add_extension(x509.ExtendedKeyUsage(ordered), critical=purposes_critical)
    signer = parent.key if parent else key
    return Issued(builder.sign(signer, hashes.SHA256()), key)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(parent: Issued) -> x509.AuthorityKeyIdentifier:
    identifier = parent.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)
