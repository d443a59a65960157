"""The development keys in `C2PA_KEYS_DIR`: made once, renewed in time, never half-written.

| file | holds |
|---|---|
| root.key root.pem intermediate.key intermediate.pem | the authorities for claims |
| leaf.key chain.pem | what signs claims: its key; leaf, then intermediate |
| trust.pem | every root that claims are trusted under, old ones too |
| tsa-root.key tsa.pem | the authority for time-stamps; every root that they are trusted under |
| tsa.key tsa-chain.pem | what the development time-stamp authority signs with |
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provenance.seals import certificates, issuing, signers
from provenance.seals.errors import CertificateKeyMismatch, CertificateRefused, SealUnavailable
from provenance.seals.issuing import Issued
from provenance.seals.timestamps import Authority

TSA_KEY, TSA_CHAIN = "tsa.key", "tsa-chain.pem"


def provide(folder: Path, *, at: datetime, rotate: str = "") -> tuple[str, ...]:
    """Make what is missing and renew what is due. Returns what was made: `root`, `leaf`, `tsa`.

    Args:
        rotate: `leaf` for a new leaf now, `root` for new authorities too. Roots are only ever added to
            the trust lists, so what was sealed before stays trusted.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(folder):
        made: list[str] = []
        if rotate == "root" or not (folder / "intermediate.pem").exists():
            _make_authorities(folder, at=at)
            made.append("root")
        if made or rotate == "leaf" or _leaf_is_due(folder, signers.CHAIN, at=at):
            _make_leaf(folder, at=at)
            made.append("leaf")
        if made[:1] == ["root"] or _leaf_is_due(folder, TSA_CHAIN, at=at):
            _make_time_stamping_leaf(folder, at=at)
            made.append("tsa")
    return tuple(made)


def time_stamping_authority(folder: Path, *, at: datetime) -> Authority:
    """Return the development authority whose key lies in `folder`, checked.

    Raises:
        SealUnavailable: a file is missing.
        CertificateRefused: one of its kinds.
    """
    chain = certificates.parse(_read(folder / TSA_CHAIN))
    roots = certificates.parse(_read(folder / signers.TSA_TRUST), most=certificates.ROOTS_MAX)
    leaf = certificates.check_time_stamping_chain(chain, roots=roots, at=at)
    key = _key(_read(folder / TSA_KEY))
    certificates.check_key(leaf, key.public_key())
    return Authority(chain, key)


def _make_authorities(folder: Path, *, at: datetime) -> None:
    root = issuing.issue_root(name="Countersign development root", at=at)
    intermediate = issuing.issue_intermediate(root, name="Countersign development CA", at=at)
    time_root = issuing.issue_root(name="Countersign development time-stamp root", at=at)
    _write_issued(folder, "root", root)
    _write_issued(folder, "tsa-root", time_root)
    _append(folder / signers.TRUST, root.certificate_pem)
    _append(folder / signers.TSA_TRUST, time_root.certificate_pem)
    _write_issued(folder, "intermediate", intermediate)  # Last: it says that all are there.


def _make_leaf(folder: Path, *, at: datetime) -> None:
    parent = _read_issued(folder, "intermediate")
    leaf = issuing.issue_claim_leaf(parent, name="Countersign development seal", at=at)
    _write(folder / signers.LEAF_KEY, leaf.key_pem)
    _write(folder / signers.CHAIN, leaf.certificate_pem + parent.certificate_pem)


def _make_time_stamping_leaf(folder: Path, *, at: datetime) -> None:
    parent = _read_issued(folder, "tsa-root")
    leaf = issuing.issue_time_stamping_leaf(parent, name="Countersign development TSA", at=at)
    _write(folder / TSA_KEY, leaf.key_pem)
    _write(folder / TSA_CHAIN, leaf.certificate_pem)


def _leaf_is_due(folder: Path, chain: str, *, at: datetime) -> bool:
    """Return whether there is no usable leaf, or one with less than 30 days left."""
    key = folder / (signers.LEAF_KEY if chain == signers.CHAIN else TSA_KEY)
    try:
        leaf = certificates.parse((folder / chain).read_bytes())[0]
        certificates.check_key(leaf, _key(key.read_bytes()).public_key())
    except (OSError, CertificateRefused):
        return True
    return certificates.renewal_due(leaf, at=at)


def _read_issued(folder: Path, name: str) -> Issued:
    certificate = certificates.parse(_read(folder / f"{name}.pem"))[0]
    key = _key(_read(folder / f"{name}.key"))
    certificates.check_key(certificate, key.public_key())
    return Issued(certificate, key)


def _write_issued(folder: Path, name: str, issued: Issued) -> None:
    _write(folder / f"{name}.key", issued.key_pem)
    _write(folder / f"{name}.pem", issued.certificate_pem)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise SealUnavailable(missing=path.name) from exc


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as exc:
        raise CertificateKeyMismatch from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateKeyMismatch
    return key


def _append(path: Path, pem: bytes) -> None:
    _write(path, (path.read_bytes() if path.exists() else b"") + pem)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole, mode 0600, in one step."""
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # 0600.
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(scratch).replace(path)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time make keys here."""
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    with os.fdopen(descriptor, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
