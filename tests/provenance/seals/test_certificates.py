"""Which certificates may seal, and the error for each that may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provenance.seals import certificates, issuing, signers
from provenance.seals.errors import (
    CertificateChainDisordered,
    CertificateExpired,
    CertificateIsAuthority,
    CertificateKeyMismatch,
    CertificateLivesTooLong,
    CertificateMalformed,
    CertificateRefused,
    CertificateUntrusted,
    CertificateUsageWrong,
    CertificateWithoutPurpose,
    SealUnavailable,
)
from provenance.seals.issuing import Issued
from tests.conftest import NOON
from tests.factories import seals

KNOWN = seals.make_authorities(NOON)
ROOTS = [KNOWN.root.certificate]
CHAIN = [KNOWN.leaf.certificate, KNOWN.intermediate.certificate]
DAY = timedelta(days=1)


def check(chain: Sequence[x509.Certificate], at: datetime = NOON) -> x509.Certificate:
    return certificates.check_claim_chain(chain, roots=ROOTS, at=at)


def with_leaf(leaf: x509.Certificate) -> list[x509.Certificate]:
    return [leaf, KNOWN.intermediate.certificate]


def altered(
    *,
    without: type[x509.ExtensionType] | None = None,
    put: x509.ExtensionType | None = None,
    critical: bool = True,
    subject: x509.Name | None = None,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> x509.Certificate:
    """Return the good leaf, signed again by its issuer, with one thing about it changed."""
    good = KNOWN.leaf.certificate
    public_key = key.public_key() if key else good.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or good.subject)
        .issuer_name(good.issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(good.not_valid_after_utc)
    )
    left_out = without or (type(put) if put else None)
    for extension in good.extensions:
        if left_out is None or not isinstance(extension.value, left_out):
            builder = builder.add_extension(extension.value, extension.critical)
    if put is not None:
        builder = builder.add_extension(put, critical)
    return builder.sign(KNOWN.intermediate.key, hashes.SHA256())


def usage(**said: bool) -> x509.KeyUsage:
    fields = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(fields | said))


class TestCheckClaimChain:
    def test_returns_the_leaf_of_a_good_chain(self) -> None:
        assert check(CHAIN) == KNOWN.leaf.certificate

    def test_takes_a_chain_that_ends_in_its_root(self) -> None:
        assert check([*CHAIN, KNOWN.root.certificate]) == KNOWN.leaf.certificate

    @pytest.mark.parametrize(
        "purposes",
        [
            {certificates.CLAIM_SIGNING},
            {ExtendedKeyUsageOID.EMAIL_PROTECTION},
            {ExtendedKeyUsageOID.TIME_STAMPING},
            {*certificates.CLAIM_PURPOSES, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE},
        ],
    )
    def test_refuses_a_leaf_without_its_purposes(
        self, purposes: set[x509.ObjectIdentifier]
    ) -> None:
        leaf = issuing.issue_claim_leaf(
            KNOWN.intermediate, name="x", at=NOON, purposes=frozenset(purposes)
        )

        with pytest.raises(CertificateWithoutPurpose):
            check(with_leaf(leaf.certificate))

    def test_refuses_a_leaf_without_any_purpose(self) -> None:
        with pytest.raises(CertificateWithoutPurpose):
            check(with_leaf(altered(without=x509.ExtendedKeyUsage)))

    def test_refuses_an_authority_as_leaf(self) -> None:
        with pytest.raises(CertificateIsAuthority):
            check([KNOWN.intermediate.certificate, KNOWN.root.certificate])

    def test_refuses_a_root_as_leaf(self) -> None:
        with pytest.raises(CertificateIsAuthority):
            check([KNOWN.root.certificate])

    @pytest.mark.parametrize(
        "leaf",
        [
            altered(without=x509.BasicConstraints),
            altered(put=x509.BasicConstraints(ca=False, path_length=None), critical=False),
            altered(put=x509.BasicConstraints(ca=True, path_length=None)),
        ],
        ids=["unsaid", "not critical", "yes"],
    )
    def test_refuses_a_leaf_that_may_be_an_authority(self, leaf: x509.Certificate) -> None:
        with pytest.raises(CertificateIsAuthority):
            check(with_leaf(leaf))

    @pytest.mark.parametrize(
        "leaf",
        [
            altered(without=x509.KeyUsage),
            altered(put=usage(content_commitment=True)),
            altered(put=usage(digital_signature=True, key_cert_sign=True)),
            altered(put=usage(digital_signature=True, crl_sign=True)),
            altered(put=usage(digital_signature=True), critical=False),
            altered(without=x509.SubjectKeyIdentifier),
            altered(without=x509.AuthorityKeyIdentifier),
            altered(subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alone")])),
            altered(key=ec.generate_private_key(ec.SECP384R1())),
            altered(key=rsa.generate_private_key(65537, 2048)),
        ],
    )
    def test_refuses_a_leaf_of_another_profile(self, leaf: x509.Certificate) -> None:
        with pytest.raises(CertificateUsageWrong):
            check(with_leaf(leaf))

    @pytest.mark.parametrize(
        "at", [NOON - timedelta(hours=1), NOON + 366 * DAY], ids=["too early", "too late"]
    )
    def test_refuses_a_leaf_out_of_its_time(self, at: datetime) -> None:
        with pytest.raises(CertificateExpired):
            check(CHAIN, at=at)

    def test_refuses_a_leaf_that_outlives_its_authority(self) -> None:
        late = NOON + 1824 * DAY
        leaf = issuing.issue_claim_leaf(KNOWN.intermediate, name="x", at=late)

        with pytest.raises(CertificateExpired):
            check(with_leaf(leaf.certificate), at=late + 10 * DAY)

    def test_refuses_a_leaf_that_lives_longer_than_a_year(self) -> None:
        leaf = issuing.issue_claim_leaf(
            KNOWN.intermediate, name="x", at=NOON, lifetime=timedelta(days=367)
        )

        with pytest.raises(CertificateLivesTooLong):
            check(with_leaf(leaf.certificate))

    @pytest.mark.parametrize(
        "chain",
        [
            [KNOWN.leaf.certificate, KNOWN.root.certificate, KNOWN.intermediate.certificate],
            [KNOWN.leaf.certificate, KNOWN.time_leaf.certificate],
            [KNOWN.leaf.certificate, KNOWN.leaf.certificate],
        ],
    )
    def test_refuses_a_chain_out_of_order(self, chain: list[x509.Certificate]) -> None:
        with pytest.raises(CertificateChainDisordered):
            check(chain)

    def test_refuses_a_leaf_as_issuer(self) -> None:
        """A leaf that signs another leaf is the classic mistake of path validation."""
        rogue = issuing.issue_claim_leaf(KNOWN.leaf, name="rogue", at=NOON)

        with pytest.raises(CertificateChainDisordered):
            check([rogue.certificate, *CHAIN])

    def test_refuses_a_chain_under_an_unknown_root(self) -> None:
        stranger = seals.make_authorities(NOON)

        with pytest.raises(CertificateUntrusted):
            certificates.check_claim_chain(CHAIN, roots=[stranger.root.certificate], at=NOON)

    def test_refuses_a_root_that_comes_with_the_chain(self) -> None:
        stranger = seals.make_authorities(NOON)
        chain = [stranger.leaf.certificate, stranger.intermediate.certificate]

        with pytest.raises(CertificateUntrusted):
            check([*chain, stranger.root.certificate])

    def test_refuses_a_chain_without_its_intermediate(self) -> None:
        with pytest.raises(CertificateUntrusted):
            check([KNOWN.leaf.certificate])

    def test_refuses_no_chain(self) -> None:
        with pytest.raises(CertificateMalformed):
            check([])

    def test_keeps_time_stamping_roots_apart(self) -> None:
        with pytest.raises(CertificateUntrusted):
            certificates.check_claim_chain(CHAIN, roots=[KNOWN.time_root.certificate], at=NOON)


class TestCheckTimeStampingChain:
    def test_returns_the_leaf_of_a_good_chain(self) -> None:
        leaf = certificates.check_time_stamping_chain(
            [KNOWN.time_leaf.certificate], roots=[KNOWN.time_root.certificate], at=NOON
        )

        assert leaf == KNOWN.time_leaf.certificate

    def test_refuses_a_certificate_for_claims(self) -> None:
        with pytest.raises(CertificateWithoutPurpose):
            certificates.check_time_stamping_chain(CHAIN, roots=ROOTS, at=NOON)


class TestParse:
    @pytest.mark.parametrize(
        "pem",
        [
            b"",
            b"no certificate",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            KNOWN.leaf.key_pem,
            KNOWN.leaf.certificate_pem * 6,
        ],
    )
    def test_refuses_what_is_no_chain(self, pem: bytes) -> None:
        with pytest.raises(CertificateMalformed):
            certificates.parse(pem)

    @pytest.mark.parametrize("ders", [[], [b""], [b"\x30\x00"], [b"x"] * 6])
    def test_refuses_what_is_no_chain_in_der(self, ders: list[bytes]) -> None:
        with pytest.raises(CertificateMalformed):
            certificates.parse_chain(ders)


class TestRenewalDue:
    @pytest.mark.parametrize(("days", "due"), [(0, False), (330, False), (336, True), (400, True)])
    def test_is_in_the_last_thirty_days(self, days: int, due: bool) -> None:
        leaf = KNOWN.leaf.certificate

        assert certificates.renewal_due(leaf, at=NOON + days * DAY) is due


class TestLoad:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        chain = KNOWN.leaf.certificate_pem + KNOWN.intermediate.certificate_pem
        (tmp_path / signers.CHAIN).write_bytes(chain)
        (tmp_path / signers.LEAF_KEY).write_bytes(KNOWN.leaf.key_pem)
        (tmp_path / signers.TRUST).write_bytes(KNOWN.root.certificate_pem)
        return tmp_path

    def load(self, folder: Path, at: datetime = NOON) -> signers.KeySigner:
        return signers.load(folder, time_stamp_url="", at=at)

    def test_returns_a_signer_whose_signatures_verify(self, folder: Path) -> None:
        signature = self.load(folder).sign(b"claim")

        public_key = KNOWN.leaf.key.public_key()
        public_key.verify(signature, b"claim", ec.ECDSA(hashes.SHA256()))

    @pytest.mark.parametrize(
        ("name", "content", "error"),
        [
            (signers.LEAF_KEY, KNOWN.intermediate.key_pem, CertificateKeyMismatch),
            (signers.LEAF_KEY, b"no key", CertificateKeyMismatch),
            (signers.CHAIN, b"no chain", CertificateMalformed),
            (signers.CHAIN, KNOWN.leaf.certificate_pem, CertificateUntrusted),
            (
                signers.CHAIN,
                KNOWN.intermediate.certificate_pem + KNOWN.leaf.certificate_pem,
                CertificateIsAuthority,
            ),
            (signers.TRUST, KNOWN.time_root.certificate_pem, CertificateUntrusted),
        ],
    )
    def test_refuses_files_that_do_not_fit(
        self, name: str, content: bytes, error: type[CertificateRefused], folder: Path
    ) -> None:
        (folder / name).write_bytes(content)

        with pytest.raises(error):
            self.load(folder)

    @pytest.mark.parametrize("name", [signers.CHAIN, signers.LEAF_KEY, signers.TRUST])
    def test_says_which_file_is_missing(self, name: str, folder: Path) -> None:
        (folder / name).unlink()

        with pytest.raises(SealUnavailable) as caught:
            self.load(folder)

        assert caught.value.members == {"missing": name}

    def test_refuses_an_expired_leaf(self, folder: Path) -> None:
        with pytest.raises(CertificateExpired):
            self.load(folder, at=NOON + 400 * DAY)


@pytest.mark.parametrize(
    "issue",
    [
        lambda: issuing.issue_claim_leaf(KNOWN.intermediate, name="a", at=datetime.now(UTC)),
        lambda: issuing.issue_time_stamping_leaf(KNOWN.time_root, name="a", at=datetime.now(UTC)),
    ],
)
def test_issued_leaves_live_at_most_a_year(issue: Callable[[], Issued]) -> None:
    leaf = issue().certificate

    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= certificates.LEAF_LIFETIME_MAX
