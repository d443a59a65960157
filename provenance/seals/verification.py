"""What anybody can learn from a file: is it sealed, by whom, when, and is it whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509

from provenance.seals import certificates, engine, signers, stores, timestamps
from provenance.seals.errors import CertificateRefused, ManifestMalformed
from provenance.seals.signers import Trust

UNTRUSTED = "org.countersign.signer-not-ours"  # The engine's trust list said yes, our check no.
PROBLEMS_MAX = 64
READ_SIZE_BYTES = 1024 * 1024


class SealState(StrEnum):
    """The answer, from best to worst; `NONE` is a file without a manifest."""

    TRUSTED = "trusted"  # Whole, and signed under our own roots for this purpose.
    VALID = "valid"  # Whole, but signed by somebody we do not know.
    INVALID = "invalid"
    NONE = "none"


@dataclass(frozen=True)
class ClaimSigner:
    """The leaf certificate that signed the claim."""

    common_name: str
    issuer: str
    serial: str  # Decimal.
    fingerprint_sha256: str  # Hexadecimal, of the leaf's DER.


@dataclass(frozen=True)
class SealReport:
    """What a file says of itself, and which of it held."""

    state: SealState
    sha256: bytes  # Of the whole file: `trusted` does not mean byte-identical.
    size_bytes: int
    problems: tuple[str, ...] = ()  # C2PA status codes, and ours below `org.countersign.`.
    manifest: dict[str, Any] = field(default_factory=dict)  # The manifest store as JSON.
    manifest_label: str = ""
    manifest_sha256: bytes = b""  # Of the manifest store's bytes.
    signer: ClaimSigner | None = None
    timestamped_at: datetime | None = None
    timestamp_trusted: bool = False
    crjson: dict[str, Any] = field(default_factory=dict)  # The view that rubrics are written over.


def verify(path: Path, *, trust: Trust | None = None, at: datetime | None = None) -> SealReport:
    """Read a file's seal and say what held. Nothing is fetched; a hostile file gets a report too.

    Args:
        trust: whose seals are ours; what settings name when it is left out.
        at: when the signer's certificate must be in force if no trusted time-stamp says; now when left
            out.
    """
    trust = trust or signers.trust_from_settings()
    digest, size = digest_of(path)
    reading = engine.read(path, trust=trust)
    if reading is None:
        return SealReport(SealState.NONE, digest, size)
    report = SealReport(
        SealState.VALID if reading.state in ("Valid", "Trusted") else SealState.INVALID,
        digest,
        size,
        problems=_failures(reading.manifest),
        manifest=reading.manifest,
        manifest_label=str(reading.manifest.get("active_manifest", "")),
        crjson=reading.crjson,
    )
    try:
        store = stores.read(path)
        signature = stores.claim_signature(store, manifest_label=report.manifest_label)
    except (ManifestMalformed, CertificateRefused) as exc:
        return _with_problem(report, f"org.countersign.{exc.code}")
    report = replace(
        report,
        manifest_sha256=hashlib.sha256(store).digest(),
        signer=_signer(signature.chain[0]),
        **_time_stamp(reading, signature, trust=trust),
    )
    return _judge(report, reading, signature.chain, trust=trust, at=at or datetime.now(UTC))


def manifest_store(path: Path) -> bytes:
    """Return the manifest store's bytes (JUMBF), as audit bundles carry them; empty for none."""
    return stores.read(path)


def digest_of(path: Path) -> tuple[bytes, int]:
    """Return SHA-256 of a whole file, and its size in bytes."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(READ_SIZE_BYTES):
            digest.update(block)
            size += len(block)
    return digest.digest(), size


def _judge(
    report: SealReport,
    reading: engine.Reading,
    chain: tuple[x509.Certificate, ...],
    *,
    trust: Trust,
    at: datetime,
) -> SealReport:
    """Trust the claim only if the engine does and the chain passes our own profile, under our roots."""
    if reading.state != "Trusted":
        return report
    signed_at = report.timestamped_at if report.timestamp_trusted else at
    try:
        certificates.check_claim_chain(chain, roots=trust.claim_roots, at=signed_at or at)
    except CertificateRefused as exc:
        return _with_problem(report, UNTRUSTED, f"org.countersign.{exc.code}")
    return replace(report, state=SealState.TRUSTED)


def _time_stamp(
    reading: engine.Reading, signature: stores.ClaimSignature, *, trust: Trust
) -> dict[str, Any]:
    """Return when it was stamped, and whether the engine verified it and the authority is ours."""
    if signature.time_stamp is None:
        return {}
    try:
        stamp = timestamps.read_token(signature.time_stamp)
        certificates.check_time_stamping_chain(
            stamp.chain, roots=trust.time_stamp_roots, at=stamp.at
        )
    except ManifestMalformed:
        return {}
    except CertificateRefused:
        return {"timestamped_at": stamp.at}
    codes = {entry.get("code") for entry in _entries(reading.manifest, "success")}
    return {
        "timestamped_at": stamp.at,
        "timestamp_trusted": {"timeStamp.validated", "timeStamp.trusted"} <= codes,
    }


def _signer(leaf: x509.Certificate) -> ClaimSigner:
    return ClaimSigner(
        common_name=certificates.common_name(leaf.subject),
        issuer=certificates.common_name(leaf.issuer),
        serial=str(leaf.serial_number),
        fingerprint_sha256=certificates.fingerprint(leaf),
    )


def _failures(manifest: dict[str, Any]) -> tuple[str, ...]:
    """Return the codes of all that failed, in the claim and in its ingredients, without repeats."""
    codes = [str(entry.get("code")) for entry in _entries(manifest, "failure")]
    for delta in manifest.get("validation_results", {}).get("ingredientDeltas") or ():
        failed = delta.get("validationDeltas", {}).get("failure") or ()
        codes += [str(entry.get("code")) for entry in failed]
    return tuple(dict.fromkeys(codes))[:PROBLEMS_MAX]


def _entries(manifest: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    active = manifest.get("validation_results", {}).get("activeManifest") or {}
    return list(active.get(kind) or ())


def _with_problem(report: SealReport, *codes: str) -> SealReport:
    return replace(report, problems=(*report.problems, *codes))
