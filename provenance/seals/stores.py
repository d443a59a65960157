"""Manifest stores: where they lie in a file, and who signed the claim inside.

Read by us, beside the engine, because the engine tells neither the certificates nor the store's bytes,
and its word on trust is not enough.

Source: C2PA 2.4, 11 (JUMBF), 13.2 (COSE), appendix A.3 to A.5 (embedding); ISO 19566-5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography import x509

from provenance.seals import cbor, certificates
from provenance.seals.errors import ManifestMalformed

STORE_SIZE_BYTES_MAX = 32 * 1024 * 1024
BOXES_MAX = 4096
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
X5CHAIN = 33  # RFC 9360.


@dataclass(frozen=True)
class ClaimSignature:
    """What the COSE signature of a claim carries; nobody has verified it here."""

    chain: tuple[x509.Certificate, ...]
    time_stamp: bytes | None  # A token's DER.


@dataclass(frozen=True)
class Patch:
    """Bytes that stand in for those at an offset."""

    offset: int
    data: bytes


def media_type(path: Path) -> str | None:
    """Return the kind of a file by its first bytes, or None for one that is not sealed here."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith(PNG_SIGNATURE):
        return "image/png"
    return "image/jpeg" if head.startswith(JPEG_SIGNATURE) else None


def read(path: Path) -> bytes:
    """Return the bytes of the manifest store in an MP4, PNG or JPEG; empty when there is none.

    Raises:
        ManifestMalformed: the file's own structure does not hold, or the store is too large.
    """
    readers = {"video/mp4": _from_mp4, "image/png": _from_png, "image/jpeg": _from_jpeg}
    kind = media_type(path)
    if kind is None:
        return b""
    with path.open("rb") as file:
        try:
            return readers[kind](file, path.stat().st_size)
        except struct.error as exc:
            raise ManifestMalformed(part="container") from exc


def claim_signature(store: bytes, *, manifest_label: str) -> ClaimSignature:
    """Return who signed the claim of one manifest of a store, and its time-stamp if there is one.

    Raises:
        ManifestMalformed: there is no such manifest, or its signature is not COSE with a chain.
    """
    manifest = _labelled(_labelled(store, "c2pa"), manifest_label)
    signature = cbor.decode(_content(_labelled(manifest, "c2pa.signature"), b"cbor"))
    try:
        protected, unprotected = cbor.decode(signature[0]), signature[1]
        held = protected.get(X5CHAIN, protected.get("x5chain", unprotected.get("x5chain")))
        ders = held if isinstance(held, list) else [held]
        tokens = unprotected.get("sigTst2", {}).get("tstTokens", [])
        token = tokens[0]["val"] if tokens else None
    except (TypeError, KeyError, IndexError, AttributeError) as exc:
        raise ManifestMalformed(part="signature") from exc
    if not all(isinstance(der, bytes) for der in ders) or not isinstance(token, bytes | None):
        raise ManifestMalformed(part="signature")
    return ClaimSignature(certificates.parse_chain(ders), token)


def long_mdat_header(path: Path) -> Patch | None:
    """Return what makes an MP4's media box have the 64-bit header; None when nothing can.

    The engine leaves the first 16 bytes of the box out of its Merkle tree, whatever the header's size, so
    only such files are read alike by other engines. Muxers leave eight free bytes before the box for this
    very header; without them the file is hashed whole. A box that has the header gives an empty patch.
    """
    with path.open("rb") as file:
        for kind, start, header, size in _boxes(file, path.stat().st_size):
            if kind != b"mdat":
                continue
            if header == 16:
                return Patch(start, b"")
            file.seek(max(0, start - 8))
            if start < 8 or file.read(8) != b"\x00\x00\x00\x08free":
                return None
            return Patch(start - 8, struct.pack(">I4sQ", 1, b"mdat", size + 8))
    return None


def _boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield each top-level box: its type, start, header's size and whole size, in bytes."""
    start = 0
    for _ in range(BOXES_MAX):
        if start >= end:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise ManifestMalformed(part="container")
        yield kind, start, header, size
        start += size
    raise ManifestMalformed(part="container", limit=BOXES_MAX)


def _from_mp4(file: BinaryIO, end: int) -> bytes:
    for kind, start, header, size in _boxes(file, end):
        file.seek(start + header)
        if kind != b"uuid" or size < header + 16 or file.read(16) != C2PA_BOX:
            continue
        _check_size(size)
        body = file.read(size - header - 16)
        purpose, separator, rest = body[4:].partition(b"\x00")  # After version and flags.
        if separator and purpose in (b"manifest", b"original", b"update"):
            return _store(rest[8:])  # After the offset of the first Merkle box.
    return b""


def _from_png(file: BinaryIO, end: int) -> bytes:
    start = len(PNG_SIGNATURE)
    for _ in range(BOXES_MAX):
        if start >= end:
            return b""
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"caBX":
            _check_size(size)
            return _store(file.read(size))
        start += size + 12
    raise ManifestMalformed(part="container", limit=BOXES_MAX)


def _from_jpeg(file: BinaryIO, end: int) -> bytes:
    """Join the APP11 segments of JPEG XT that hold the box, each with its own copy of the header."""
    start, found = 2, b""
    for _ in range(BOXES_MAX):
        if start + 4 > end:
            break
        file.seek(start)
        marker, size = struct.unpack(">HH", file.read(4))
        if marker == 0xFFDA or not 0xFF01 <= marker <= 0xFFFE:
            break
        if size < 2:
            raise ManifestMalformed(part="container")
        body = file.read(size - 2)
        if marker == 0xFFEB and body[:2] == b"JP" and len(body) > 16 and body[12:16] == b"jumb":
            first = struct.unpack(">I", body[4:8])[0] == 1
            found += body[8:] if first else body[16:]
            _check_size(len(found))
        start += 2 + size
    return _store(found) if found else b""


def _check_size(size: int) -> None:
    if size > STORE_SIZE_BYTES_MAX:
        raise ManifestMalformed(size_bytes=size, limit_bytes=STORE_SIZE_BYTES_MAX)


def _store(data: bytes) -> bytes:
    """Return the first box of `data`, without what pads it."""
    if len(data) < 8 or data[4:8] != b"jumb":
        raise ManifestMalformed(part="store")
    size = struct.unpack(">I", data[:4])[0]
    if not 8 <= size <= len(data):
        raise ManifestMalformed(part="store")
    return data[:size]


def _children(box: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes inside a superbox: type and whole bytes."""
    start = 8
    for _ in range(BOXES_MAX):
        if start + 8 > len(box):
            return
        size, kind = struct.unpack(">I4s", box[start : start + 8])
        if size < 8 or start + size > len(box):
            raise ManifestMalformed(part="store")
        yield kind, box[start : start + size]
        start += size
    raise ManifestMalformed(part="store", limit=BOXES_MAX)


def _label(box: bytes) -> str:
    """Return the label in the description box that every superbox begins with."""
    for kind, child in _children(box):
        if kind == b"jumd" and len(child) > 25 and child[24] & 0x02:
            return child[25:].partition(b"\x00")[0].decode(errors="replace")
        break
    return ""


def _labelled(box: bytes, label: str) -> bytes:
    """Return the superbox with that label: `box` itself or one right inside."""
    if _label(box) == label:
        return box
    for kind, child in _children(box):
        if kind == b"jumb" and _label(child) == label:
            return child
    raise ManifestMalformed(part="store")


def _content(box: bytes, wanted: bytes) -> bytes:
    for kind, child in _children(box):
        if kind == wanted:
            return child[8:]
    raise ManifestMalformed(part="store")
