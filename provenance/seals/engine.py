"""The C2PA engine (c2pa-rs through c2pa-python): every setting stated, nothing shared, nothing fetched.

A context is built for each call and closed after it (0.1 ms). One that was inherited over a fork is not
valid, so none is kept. Unknown settings are ignored without a word by the engine: the tests hold a canary
for each one that is set here.
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import c2pa
import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from provenance.seals import manifests, stores
from provenance.seals.errors import SealUnavailable
from provenance.seals.requests import SealRequest
from provenance.seals.signers import SignerProvider, Trust

logger = structlog.get_logger(__name__)

# Above this, 1 MiB Merkle chunks keep the engine's memory at some 40 MiB instead of 250 MiB.
MERKLE_FROM_BYTES = 100 * 1024 * 1024
MERKLE_CHUNK_KIB = 1024
BACKING_THRESHOLD_MIB = 64
UNREADABLE = "org.countersign.unreadable"


@dataclass(frozen=True)
class Reading:
    """What the engine says of a file. `manifest` and `crjson` are its two JSON views."""

    state: str  # Trusted, Valid, Invalid.
    manifest: dict[str, Any]
    crjson: dict[str, Any]


class Patched:
    """A file that reads as if some of its bytes were others. What the engine reads from."""

    def __init__(self, file: BinaryIO, patch: stores.Patch) -> None:
        self._file, self._patch = file, patch

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        data = self._file.read(size)
        first = max(start, self._patch.offset)
        last = min(start + len(data), self._patch.offset + len(self._patch.data))
        if first >= last:
            return data
        part = self._patch.data[first - self._patch.offset : last - self._patch.offset]
        return data[: first - start] + part + data[last - start :]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: bytes) -> int:
        raise io.UnsupportedOperation("write")

    def flush(self) -> None:
        """Nothing is written here."""


def settings(*, trust: Trust, merkle: bool = False) -> dict[str, Any]:
    """Return every setting that we rely on."""
    anchors = [
        {"trust_kind": kind, "trust_anchors": pem}
        for kind, pem in (("manifest", trust.claim_pem), ("tsa", trust.time_stamp_pem))
        if pem
    ]
    core: dict[str, Any] = {
        "backing_store_memory_threshold_in_mb": BACKING_THRESHOLD_MIB,
        "allowed_network_hosts": [],
        "allow_redirects": False,
    }
    if merkle:
        core["merkle_tree_chunk_size_in_kb"] = MERKLE_CHUNK_KIB
    return {
        "version": 1,
        "trust": {"anchors": anchors},
        "core": core,
        "verify": {
            "verify_after_reading": True,
            "verify_after_sign": False,  # We read again ourselves, in a context of its own.
            "verify_trust": True,
            "verify_timestamp_trust": True,
            "ocsp_fetch": False,
            "remote_manifest_fetch": False,
        },
        "builder": {
            "thumbnail": {"enabled": False},
            "created_assertion_labels": ["c2pa.thumbnail.claim"],
        },
    }


def sign(
    *,
    source: Path,
    target: Path,
    media_type: str,
    request: SealRequest,
    signer: SignerProvider,
    trust: Trust,
) -> bytes:
    """Write `source` with a signed manifest to `target`, another file. Returns the store's bytes.

    Raises:
        SealUnavailable: the signer or the time-stamp authority did not answer.
    """
    patch = None
    if source.stat().st_size > MERKLE_FROM_BYTES and media_type == "video/mp4":
        patch = stores.long_mdat_header(source)
    with c2pa.Context.from_dict(settings(trust=trust, merkle=patch is not None)) as context:
        try:
            with source.open("rb") as file, target.open("w+b") as sealed:
                readable = file if patch is None else Patched(file, patch)
                store = _sign(
                    context, readable, sealed, kind=media_type, request=request, signer=signer
                )
                os.fsync(sealed.fileno())
                return store
        except c2pa.C2paError as exc:
            # The engine's text may name a host, never a person.
            logger.warning("seal.engine_refused", render_id=str(request.render_id), error=str(exc))
            raise SealUnavailable(render_id=request.render_id) from exc


def read(path: Path, *, trust: Trust) -> Reading | None:
    """Return what the engine says of a file, with all that it can check; None without a manifest."""
    with c2pa.Context.from_dict(settings(trust=trust)) as context, path.open("rb") as file:
        try:
            reader = c2pa.Reader.try_create(stores.media_type(path), file, context=context)
        except c2pa.C2paError.NotSupported:
            return None
        except c2pa.C2paError as exc:
            logger.info("seal.unreadable", error=type(exc).__name__)
            return Reading("Invalid", _failed(UNREADABLE), {})
        if reader is None:
            return None
        with reader:
            return Reading(
                state=str(reader.get_validation_state() or "Invalid"),
                manifest=json.loads(reader.json()),
                crjson=json.loads(reader.crjson()),
            )


def _sign(
    context: c2pa.Context,
    source: BinaryIO | Patched,
    target: BinaryIO,
    *,
    kind: str,
    request: SealRequest,
    signer: SignerProvider,
) -> bytes:
    definition = manifests.definition(request, media_type=kind)
    with c2pa.Builder(definition, context=context) as builder:
        builder.add_resource(manifests.THUMBNAIL, io.BytesIO(request.thumbnail))
        if request.parent_path is not None:
            parent_kind = stores.media_type(request.parent_path) or kind
            with request.parent_path.open("rb") as parent:
                builder.add_ingredient(manifests.parent_ingredient(), parent_kind, parent)
        with _native_signer(signer) as native:
            store: bytes = builder.sign(native, kind, source, target)
        target.flush()
        return store


def _native_signer(signer: SignerProvider) -> c2pa.Signer:
    chain = b"".join(found.public_bytes(Encoding.PEM) for found in signer.chain).decode()
    return c2pa.Signer.from_callback(
        signer.sign, c2pa.C2paSigningAlg.ES256, chain, signer.time_stamp_url or None
    )


def _failed(code: str) -> dict[str, Any]:
    return {"validation_results": {"activeManifest": {"failure": [{"code": code}]}}}
