"""What a certificate must be to seal: the profile, checked by us and not only by the engine.

The engine does not keep its trust lists apart: under a list meant for time-stamps alone a claim's
signer reads as trusted. So the chain, the purpose and the root are decided here.

Source: C2PA 2.4, 14.5 (certificate profile); RFC 5280; RFC 3161, 2.3 (time-stamping).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from provenance.seals.errors import (
    CertificateChainDisordered,
    CertificateExpired,
    CertificateIsAuthority,
    CertificateKeyMismatch,
    CertificateLivesTooLong,
    CertificateMalformed,
    CertificateUntrusted,
    CertificateUsageWrong,
    CertificateWithoutPurpose,
)

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA's own purpose.
CLAIM_PURPOSES = frozenset({CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION})
TIME_STAMPING_PURPOSES = frozenset({ExtendedKeyUsageOID.TIME_STAMPING})
LEAF_LIFETIME_MAX = timedelta(days=366)
RENEW_BEFORE = timedelta(days=30)
CHAIN_LENGTH_MAX = 5
ROOTS_MAX = 64


def parse(pem: bytes, *, most: int = CHAIN_LENGTH_MAX) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM text, in its order. At least one, at most `most`."""
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as exc:
        raise CertificateMalformed from exc
    if len(found) > most:
        raise CertificateMalformed(certificates=len(found), limit=most)
    return _readable(found)


def parse_chain(ders: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a chain in DER, in its order."""
    if not 0 < len(ders) <= CHAIN_LENGTH_MAX:
        raise CertificateMalformed(certificates=len(ders), limit=CHAIN_LENGTH_MAX)
    try:
        return _readable(tuple(x509.load_der_x509_certificate(der) for der in ders))
    except ValueError as exc:
        raise CertificateMalformed from exc


def check_claim_chain(
    chain: Sequence[x509.Certificate], *, roots: Sequence[x509.Certificate], at: datetime
) -> x509.Certificate:
    """Return the leaf of a chain that may sign claims at `at`, or raise why it may not.

    Raises:
        CertificateRefused: one of its kinds, for the first rule that does not hold.
    """
    leaf = _leaf(chain)
    _check_leaf(leaf, purposes=CLAIM_PURPOSES)
    if leaf.not_valid_after_utc - leaf.not_valid_before_utc > LEAF_LIFETIME_MAX:
        raise CertificateLivesTooLong(serial=leaf.serial_number)
    _check_path(chain, roots=roots, at=at)
    return leaf


def check_time_stamping_chain(
    chain: Sequence[x509.Certificate], *, roots: Sequence[x509.Certificate], at: datetime
) -> x509.Certificate:
    """Return the leaf of a chain that may time-stamp at `at`, or raise why it may not."""
    leaf = _leaf(chain)
    _check_leaf(leaf, purposes=TIME_STAMPING_PURPOSES)
    _check_path(chain, roots=roots, at=at)
    return leaf


def check_key(leaf: x509.Certificate, public_key: PublicKeyTypes) -> None:
    """Raise `CertificateKeyMismatch` unless the certificate is that key's."""
    if _spki(leaf.public_key()) != _spki(public_key):
        raise CertificateKeyMismatch(serial=leaf.serial_number)


def renewal_due(leaf: x509.Certificate, *, at: datetime) -> bool:
    """Return whether less than 30 days are left."""
    return at >= leaf.not_valid_after_utc - RENEW_BEFORE


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 of the certificate's DER, hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(name: x509.Name) -> str:
    """Return the first common name, or nothing."""
    return _first(name, x509.NameOID.COMMON_NAME)


def organisation(name: x509.Name) -> str:
    """Return the first organisation, or nothing."""
    return _first(name, x509.NameOID.ORGANIZATION_NAME)


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def _readable(found: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    """Return them once all parts that are parsed late have been: a hostile file brings its own."""
    try:
        for certificate in found:
            _ = certificate.subject, certificate.issuer, certificate.extensions
            certificate.public_key()
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm) as exc:
        raise CertificateMalformed from exc
    return found


def _leaf(chain: Sequence[x509.Certificate]) -> x509.Certificate:
    if not chain:
        raise CertificateMalformed
    return chain[0]


def _check_leaf(leaf: x509.Certificate, *, purposes: frozenset[x509.ObjectIdentifier]) -> None:
    """Check the leaf's own extensions, in the order of the profile."""
    if leaf.version is not x509.Version.v3:
        raise CertificateMalformed(serial=leaf.serial_number)
    if leaf.issuer == leaf.subject or _is_authority(leaf):
        raise CertificateIsAuthority(serial=leaf.serial_number)
    if not purposes <= _purposes(leaf):
        raise CertificateWithoutPurpose(serial=leaf.serial_number)
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in _purposes(leaf):
        raise CertificateWithoutPurpose(serial=leaf.serial_number)
    if not (_usage_holds(leaf) and _names_hold(leaf) and _key_holds(leaf)):
        raise CertificateUsageWrong(serial=leaf.serial_number)


def _extension(
    certificate: x509.Certificate, kind: type[ExtensionT]
) -> x509.Extension[ExtensionT] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _is_authority(certificate: x509.Certificate) -> bool:
    """Return whether it may sign certificates, or does not say clearly that it may not."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is None or not constraints.critical or constraints.value.ca


def _purposes(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier]:
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    return frozenset(usage.value) if usage else frozenset()


def _usage_holds(certificate: x509.Certificate) -> bool:
    usage = _extension(certificate, x509.KeyUsage)
    return bool(
        usage
        and usage.critical
        and usage.value.digital_signature
        and not usage.value.key_cert_sign
        and not usage.value.crl_sign
    )


def _names_hold(certificate: x509.Certificate) -> bool:
    """Return whether it names its key, its issuer's key, a country, an organisation and itself."""
    named = {attribute.oid for attribute in certificate.subject}
    wanted = {
        x509.NameOID.COUNTRY_NAME,
        x509.NameOID.ORGANIZATION_NAME,
        x509.NameOID.COMMON_NAME,
    }
    return (
        wanted <= named
        and _extension(certificate, x509.SubjectKeyIdentifier) is not None
        and _extension(certificate, x509.AuthorityKeyIdentifier) is not None
    )


def _key_holds(certificate: x509.Certificate) -> bool:
    """Return whether the key is on P-256: everything here signs with ES256."""
    key = certificate.public_key()
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _check_path(
    chain: Sequence[x509.Certificate], *, roots: Sequence[x509.Certificate], at: datetime
) -> None:
    """Walk from the leaf to a root that we hold; a root inside the chain proves nothing."""
    for subject, issuer in pairwise(chain):
        if not _signed_by(subject, issuer) or _is_not_issuer(issuer):
            raise CertificateChainDisordered(serial=subject.serial_number)
    for certificate in chain:
        _check_period(certificate, at=at)
    held = {fingerprint(root) for root in roots}
    last = chain[-1]
    if len(chain) > 1 and fingerprint(last) in held:
        return
    for root in roots:
        if _signed_by(last, root) and not _is_not_issuer(root):
            _check_period(root, at=at)
            return
    raise CertificateUntrusted(serial=chain[0].serial_number)


def _is_not_issuer(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return not (
        constraints and constraints.value.ca and (usage is None or usage.value.key_cert_sign)
    )


def _signed_by(subject: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_period(certificate: x509.Certificate, *, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise CertificateExpired(serial=certificate.serial_number)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
