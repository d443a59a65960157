"""Audit bundles: entries, proofs, records and further files in one zip, to be checked offline.

The layout is in docs/spec/log.md; the check is `verify_bundle.py`, which also lies inside each bundle.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ledger.errors import Malformed
from ledger.log import checkpoints, entries, identity, merkle, queries, records
from ledger.log.models import Entry, Record
from ledger.log.queries import EntryNotFound, NotYetPublished, Published
from ledger.vault import keys

FORMAT = "countersign-audit-bundle/v1"
ENTRIES_MAX = 10_000
EXTRA_SIZE_BYTES_MAX = 256 * 1024 * 1024
CHUNK = 500
EXTRA_PATH = re.compile(r"(?!entries/|proofs/|records/|log/)[A-Za-z0-9_-]+(/[A-Za-z0-9._-]+)+")
VERIFIER = Path(__file__).with_name("verify_bundle.py")
MADE = (1980, 1, 1, 0, 0, 0)  # The same content makes the same bytes.
README = """An audit bundle of Countersign.

    python verify_bundle.py <this zip> --log <the log's verifier key>

needs Python and the package `cryptography`, and no network. Take the verifier key, and the verifier
itself, from a source that you trust rather than from this bundle.

entries/    what the public log holds, one file for each entry: the leaf's exact bytes
proofs/     for each entry the proof that it is in the tree (C2SP tlog-proof)
records/    what an entry commits to, with its salt, where you may see it
log/        the checkpoint with its cosignatures, and the keys of the log and of its witnesses
other files are attachments; manifest.json lists the SHA-256 of every file
"""

MaySee = Callable[
    [UUID, UUID | None], bool
]  # (entry's id, its subject) -> may the recipient read it?


class BundleTooLarge(Malformed):
    code = "log-bundle-too-large"
    title = "Choose a shorter period: an audit bundle holds at most 10,000 entries and 256 MiB."


@dataclass(frozen=True)
class BundleSummary:
    """What a bundle holds. `withheld` and `erased` records are not in it; their entries are."""

    entries: int
    records: int
    withheld: int
    erased: int
    files: int
    tree_size: int
    size_bytes: int
    sha256: bytes
    manifest_sha256: bytes


class _Zip:
    """A zip that remembers the digest of each file."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.digests: dict[str, str] = {}

    def write(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, MADE)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        self._archive.writestr(info, data)
        self.digests[name] = hashlib.sha256(data).hexdigest()


@dataclass
class _Counts:
    records: int = 0
    withheld: int = 0
    erased: int = 0


def build(
    *,
    entry_ids: Sequence[UUID],
    target: Path,
    extra: Mapping[str, bytes],
    may_see: MaySee,
) -> BundleSummary:
    """Write the audit bundle of these entries to `target`, which appears whole or not at all.

    Args:
        entry_ids: without repetition in the bundle, whatever is given.
        extra: further files by their path, `c2pa/<id>.c2pa`; below a folder that is not ours.
        may_see: asked for each entry, with its subject, whether its record may be handed out.

    Raises:
        EntryNotFound: one of them does not exist.
        NotYetPublished: one has no place under a published checkpoint yet; try again in a moment.
        BundleTooLarge: more than 10,000 entries, or 256 MiB of further files.
        ValueError: a path of `extra` is not one, or takes one of ours.
    """
    wanted = list(dict.fromkeys(entry_ids))
    if len(wanted) > ENTRIES_MAX or sum(map(len, extra.values())) > EXTRA_SIZE_BYTES_MAX:
        raise BundleTooLarge(entries=len(wanted), limit=ENTRIES_MAX)
    if wrong := [path for path in extra if not EXTRA_PATH.fullmatch(path) or ".." in path]:
        raise ValueError(f"not a path for a further file: {wrong[0]!r}")
    published = _published_with(wanted)
    scratch = target.with_name(f".new-{target.name}")
    try:
        with zipfile.ZipFile(scratch, "w") as archive:
            counts, digests, manifest = _write(
                _Zip(archive), wanted, published, extra=extra, may_see=may_see
            )
        data_sha256, size_bytes = _digest(scratch), scratch.stat().st_size
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return BundleSummary(
        entries=len(wanted),
        records=counts.records,
        withheld=counts.withheld,
        erased=counts.erased,
        files=len(digests),
        tree_size=published.tree_size,
        size_bytes=size_bytes,
        sha256=data_sha256,
        manifest_sha256=hashlib.sha256(manifest).digest(),
    )


def _write(
    files: _Zip,
    wanted: Sequence[UUID],
    published: Published,
    *,
    extra: Mapping[str, bytes],
    may_see: MaySee,
) -> tuple[_Counts, Mapping[str, str], bytes]:
    files.write("README.txt", README.encode())
    files.write("verify_bundle.py", VERIFIER.read_bytes())
    files.write("log/vkey", f"{identity.verifier().encode()}\n".encode())
    witnesses = "".join(f"{key.encode()}\n" for key in identity.witnesses().values())
    files.write("log/witnesses", witnesses.encode())
    files.write("log/checkpoint", published.note)
    counts, opener = _Counts(), keys.Opener()
    read = functools.lru_cache(maxsize=4_096)(queries.read_tile)
    for ids in _chunks(wanted):
        for entry in Entry.objects.filter(id__in=ids).order_by("leaf_index"):
            path = merkle.inclusion_proof(
                index=entry.leaf_index, size=published.tree_size, read=read
            )
            proof = checkpoints.Proof(entry.leaf_index, tuple(path), published.note)
            files.write(f"entries/{entry.id}.json", bytes(entry.data))
            files.write(f"proofs/{entry.id}.tlog-proof", proof.encode().encode())
        for row in Record.objects.filter(entry_id__in=ids).order_by("entry_id"):
            _write_record(files, row, opener=opener, counts=counts, may_see=may_see)
    for path_name in sorted(extra):
        files.write(path_name, extra[path_name])
    manifest = entries.canonical(
        {
            "format": FORMAT,
            "tree_size": published.tree_size,
            "entries": len(wanted),
            "records": counts.records,
            "withheld": counts.withheld,
            "erased": counts.erased,
            "files": files.digests,
        }
    )
    listed = dict(files.digests)
    files.write("manifest.json", manifest)
    return counts, listed, manifest


def _write_record(
    files: _Zip, row: Record, *, opener: keys.Opener, counts: _Counts, may_see: MaySee
) -> None:
    if not may_see(row.entry_id, row.subject_id):
        counts.withheld += 1
        return
    try:
        found = records.opened(row, opener)
    except keys.KeyDestroyed:
        counts.erased += 1
        return
    kept = {"record": found.record.decode(), "salt": base64.b64encode(found.salt).decode()}
    files.write(f"records/{row.entry_id}.json", json.dumps(kept, indent=1).encode())
    counts.records += 1


def _published_with(wanted: Sequence[UUID]) -> Published:
    """Return the newest published checkpoint, once it is known to be above all these entries."""
    published, places = queries.published(), {}
    for ids in _chunks(wanted):
        places.update(queries.leaf_indexes(ids))
    for entry_id in wanted:
        if entry_id not in places:
            if Record.objects.filter(entry_id=entry_id).exists():
                raise NotYetPublished(entry_id=entry_id)
            raise EntryNotFound(entry_id=entry_id)
    if published is None or published.tree_size <= max(places.values(), default=-1):
        raise NotYetPublished
    return published


def _chunks(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
