"""Time-stamps by RFC 3161: our own small authority answers here, and tokens are read here.

The authority is for development and tests. Whoever holds its key can date anything as they like, so in
production `TSA_URL` names a public one, and `tsa.pem` its roots.

Source: RFC 3161, 2.4 (formats); RFC 5816 (signing-certificate-v2); RFC 5652 (CMS).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provenance.seals import certificates
from provenance.seals.errors import CertificateRefused, ManifestMalformed, TimeStampRefused

REQUEST_SIZE_BYTES_MAX = 4096
TOKEN_SIZE_BYTES_MAX = 64 * 1024
POLICY = "1.3.6.1.4.1.32473.1"  # Below the number for examples (RFC 5612): for development only.
DIGEST_SIZE_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}


class _Rejection(core.Sequence):
    """A `TimeStampResp` without a token, which asn1crypto's own type asks for."""

    _fields = [("status", tsp.PKIStatusInfo)]


@dataclass(frozen=True)
class Authority:
    """Who time-stamps: a chain, leaf first, and the leaf's private key."""

    chain: tuple[x509.Certificate, ...]
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class TimeStamp:
    """What a token says; nobody has checked it yet but for its form."""

    at: datetime
    chain: tuple[x509.Certificate, ...]


def answer(request: bytes, *, authority: Authority, at: datetime) -> bytes:
    """Return the DER of a `TimeStampResp`: granted with a token, or a rejection that says why."""
    try:
        token = _token(_read(request), authority=authority, at=at)
    except TimeStampRefused as exc:
        return _rejection(str(exc.members["failure"]))
    granted = tsp.TimeStampResp(
        {"status": tsp.PKIStatusInfo({"status": "granted"}), "time_stamp_token": token}
    )
    return bytes(granted.dump())


def _read(request: bytes) -> tsp.TimeStampReq:
    """Return the parsed request, or raise `TimeStampRefused` with an RFC 3161 failure."""
    if len(request) > REQUEST_SIZE_BYTES_MAX:
        raise TimeStampRefused(failure="bad_request")
    try:
        parsed = tsp.TimeStampReq.load(request, strict=True)
        version = parsed["version"].native
        imprint = parsed["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        digest = imprint["hashed_message"].native
        policy, extensions = parsed["req_policy"].native, parsed["extensions"].native
        nonce = parsed["nonce"].native
    except (ValueError, TypeError, KeyError) as exc:
        raise TimeStampRefused(failure="bad_data_format") from exc
    if version != "v1" or (nonce is not None and nonce.bit_length() > 512):
        raise TimeStampRefused(failure="bad_request")
    if algorithm not in DIGEST_SIZE_BYTES:
        raise TimeStampRefused(failure="bad_alg")
    if len(digest) != DIGEST_SIZE_BYTES[algorithm]:
        raise TimeStampRefused(failure="bad_data_format")
    if policy not in (None, POLICY):
        raise TimeStampRefused(failure="unaccepted_policy")
    if extensions:
        raise TimeStampRefused(failure="unaccepted_extensions")
    return parsed


def _token(request: tsp.TimeStampReq, *, authority: Authority, at: datetime) -> cms.ContentInfo:
    """Return the CMS `SignedData` over the `TSTInfo`; the chain is always inside."""
    leaf = _asn1(authority.chain[0])
    content = _statement(request, at=at).dump()
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
            {"type": "signing_certificate_v2", "values": [_signing_certificate(leaf)]},
        ]
    )
    signature = authority.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
    identity = cms.IssuerAndSerialNumber(
        {"issuer": leaf.issuer, "serial_number": leaf.serial_number}
    )
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": identity}),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": signature,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(content),
            },
            "certificates": [_asn1(certificate) for certificate in authority.chain],
            "signer_infos": [signer],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed})


def _statement(request: tsp.TimeStampReq, *, at: datetime) -> tsp.TSTInfo:
    said: dict[str, object] = {
        "version": "v1",
        "policy": POLICY,
        "message_imprint": request["message_imprint"],
        "serial_number": secrets.randbits(127) + 1,
        "gen_time": at.astimezone(UTC).replace(microsecond=0),
        "accuracy": {"seconds": 1},
        "ordering": False,
    }
    if request["nonce"].native is not None:
        said["nonce"] = request["nonce"].native
    return tsp.TSTInfo(said)


def _signing_certificate(leaf: asn1_x509.Certificate) -> tsp.SigningCertificateV2:
    """Bind the token to this very certificate (RFC 5816, ESSCertIDv2)."""
    identity = tsp.ESSCertIDv2(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "cert_hash": hashlib.sha256(leaf.dump()).digest(),
        }
    )
    return tsp.SigningCertificateV2({"certs": [identity]})


def _rejection(failure: str) -> bytes:
    status = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {failure}})
    return bytes(_Rejection({"status": status}).dump())


def read_token(data: bytes) -> TimeStamp:
    """Return what a time-stamp token (DER, `ContentInfo`) says, its signer's certificate first.

    Raises:
        ManifestMalformed: it is not such a token, or its signer's certificate is not inside.
    """
    if len(data) > TOKEN_SIZE_BYTES_MAX:
        raise ManifestMalformed(size_bytes=len(data), limit_bytes=TOKEN_SIZE_BYTES_MAX)
    try:
        signed = cms.ContentInfo.load(data)["content"]
        statement = signed["encap_content_info"]["content"].parsed
        at = statement["gen_time"].native
        signer = signed["signer_infos"][0]["sid"].chosen
        inside = [choice.chosen.dump() for choice in signed["certificates"]]
        chain = _from(int(signer["serial_number"].native), certificates.parse_chain(inside))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as exc:
        raise ManifestMalformed(part="time-stamp") from exc
    except CertificateRefused as exc:
        raise ManifestMalformed(part="time-stamp") from exc
    if not isinstance(at, datetime):
        raise ManifestMalformed(part="time-stamp")
    return TimeStamp(at=at, chain=chain)


def _from(serial: int, found: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Order certificates from the signer's upward; tokens may hold them in any order."""
    by_subject = {certificate.subject: certificate for certificate in found}
    chain = [certificate for certificate in found if certificate.serial_number == serial][:1]
    if not chain:
        raise ManifestMalformed(part="time-stamp")
    while len(chain) < len(found):
        issuer = by_subject.get(chain[-1].issuer)
        if issuer is None or issuer in chain:
            break
        chain.append(issuer)
    return tuple(chain)


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
