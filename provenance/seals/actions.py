"""Sealing a file, and recording that it was sealed."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from ledger.db import refusing, step
from ledger.errors import Conflict
from ledger.log import actions as log
from provenance.seals import certificates, conformance, engine, manifests, signers, stores
from provenance.seals.errors import MediaNotSealable, SealedInPlace, SealNotSound
from provenance.seals.models import CertificateRecord, Seal
from provenance.seals.requests import SealRequest
from provenance.seals.signers import SignerProvider, Trust
from provenance.seals.verification import SealReport, SealState, verify

__all__ = ["AlreadySealed", "Sealed", "record", "seal", "verify"]

logger = structlog.get_logger(__name__)

FINDINGS_SHOWN_MAX = 8


class AlreadySealed(Conflict):
    code = "already-sealed"
    title = "That file, or its manifest, is recorded as sealed."


@dataclass(frozen=True)
class Sealed:
    """A sealed file that was read again and found whole, trusted and conforming."""

    sha256: bytes
    size_bytes: int
    manifest_sha256: bytes
    manifest_label: str
    certificate_serial: str
    certificate_chain_pem: str
    timestamped_at: datetime | None
    timestamped: bool
    report: SealReport


def seal(
    *,
    source: Path,
    target: Path,
    request: SealRequest,
    signer: SignerProvider,
    trust: Trust | None = None,
) -> Sealed:
    """Write `source`, sealed, to `target`; `target` appears whole and verified, or not at all.

    No database, but the network where a time-stamp authority is set: call it outside a transaction. The
    sealed copy is read again in a fresh context with our own roots before it takes its name.

    Raises:
        SealedInPlace: both are the same file, which the engine would cut to nothing.
        MediaNotSealable: not an MP4, PNG or JPEG.
        SealRequestMalformed: the request says what no manifest of ours may say.
        SealUnavailable: the signer or the time-stamp authority did not answer; try again.
        SealNotSound: what came out does not hold; try again, then look.
    """
    manifests.check(request)
    if _same(source, target) or (request.parent_path and _same(request.parent_path, target)):
        raise SealedInPlace
    media_type = stores.media_type(source)
    if media_type is None:
        raise MediaNotSealable
    trust = trust or signers.trust_from_settings()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".seal-", suffix=target.suffix)
    os.close(descriptor)
    scratch = Path(name)
    try:
        engine.sign(
            source=source,
            target=scratch,
            media_type=media_type,
            request=request,
            signer=signer,
            trust=trust,
        )
        sealed = _sealed(scratch, request=request, signer=signer, trust=trust)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    logger.info("seal.made", render_id=str(request.render_id), size_bytes=sealed.size_bytes)
    return sealed


@step
def record(
    *,
    use_id: UUID,
    sealed: Sealed,
    visible_mark: bool,
    invisible_mark: bool,
    manifest: bool,
    at: datetime,
) -> Seal:
    """Record a sealed file, and what was really found in it. Stages `render.sealed`.

    Raises:
        AlreadySealed: that file or manifest is recorded.
    """
    certificate = _certificate(sealed.certificate_chain_pem, at=at)
    conflict = AlreadySealed(use_id=use_id)
    with refusing(sealed_file_is_recorded_once=conflict, manifest_label_is_used_once=conflict):
        row = Seal.objects.create(
            use_id=use_id,
            certificate=certificate,
            sha256=sealed.sha256,
            size_bytes=sealed.size_bytes,
            manifest_label=sealed.manifest_label,
            manifest_sha256=sealed.manifest_sha256,
            timestamped_at=sealed.timestamped_at,
            visible_mark=visible_mark,
            invisible_mark=invisible_mark,
            manifest=manifest,
            created_at=at,
        )
    log.stage(
        type="render.sealed",
        at=at,
        subject_id=None,
        rows=[row, certificate],
        public={"file_sha256": sealed.sha256.hex()},
    )
    return row


def _sealed(path: Path, *, request: SealRequest, signer: SignerProvider, trust: Trust) -> Sealed:
    """Read the sealed copy again and return what it is, or raise `SealNotSound`."""
    report = verify(path, trust=trust)
    stamped = bool(signer.time_stamp_url)
    problems = [*report.problems]
    if report.state is not SealState.TRUSTED:
        problems.append(f"state.{report.state}")
    if stamped and not report.timestamp_trusted:
        problems.append("signature.time-stamp-trusted")
    found = conformance.findings(report.crjson, timestamped=stamped)
    problems += [f"{finding.rule}:{finding.about}" for finding in found]
    if problems:
        raise SealNotSound(render_id=request.render_id, problems=problems[:FINDINGS_SHOWN_MAX])
    chain = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in signer.chain)
    return Sealed(
        sha256=report.sha256,
        size_bytes=report.size_bytes,
        manifest_sha256=report.manifest_sha256,
        manifest_label=report.manifest_label,
        certificate_serial=report.signer.serial if report.signer else "",
        certificate_chain_pem=chain.decode(),
        timestamped_at=report.timestamped_at,
        timestamped=report.timestamp_trusted,
        report=report,
    )


def _certificate(chain_pem: str, *, at: datetime) -> CertificateRecord:
    """Return the record of a leaf, made at its first seal."""
    leaf = certificates.parse(chain_pem.encode())[0]
    row, _made = CertificateRecord.objects.get_or_create(
        fingerprint_sha256=bytes.fromhex(certificates.fingerprint(leaf)),
        defaults={
            "serial": str(leaf.serial_number),
            "chain_pem": chain_pem,
            "starts_at": leaf.not_valid_before_utc,
            "ends_at": leaf.not_valid_after_utc,
            "created_at": at,
        },
    )
    return row


def _same(one: Path, other: Path) -> bool:
    """Return whether two paths are one file, through links too."""
    return one.resolve() == other.resolve() or (other.exists() and one.samefile(other))
