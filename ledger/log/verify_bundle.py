#!/usr/bin/env python3
# ruff: noqa: T201  # It is a program, and prints.
"""Check an audit bundle offline. Needs Python 3.9 and the `cryptography` package, and nothing of ours.

    python verify_bundle.py audit-bundle.zip --log VKEY [--witness VKEY ... --quorum N]

Get the log's verifier key from somewhere else: with the key inside it the bundle only proves that it
agrees with itself. Exit status: 0 every check passed, 1 a check failed, 2 nothing could be checked.
Formats: RFC 6962 hashes; C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import re
import sys
import zipfile
import zlib
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FILES_MAX = 100_000
BUNDLE_SIZE_BYTES_MAX = 1024**3
ED25519, COSIGNATURE = 0x01, 0x04
OWN = ("entries/", "proofs/", "records/", "log/")
DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
CHECKS = "manifest key checkpoint cosignatures entries proofs records attachments"
Files = dict[str, bytes]


class Failed(Exception):
    """A check failed; the message says where."""


class Key(NamedTuple):
    """A named public key and its four-byte id."""

    name: str
    public: bytes
    key_id: bytes


class Checkpoint(NamedTuple):
    """What the log signed: its size and root; and the signature lines of its note."""

    text: str
    lines: list[tuple[str, bytes]]
    size: int
    root: bytes


def decode(text: str, what: str) -> bytes:
    """Return the bytes that base64 says; only its one proper form is taken."""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        raise Failed(f"{what}: not base64") from None
    if base64.b64encode(value).decode() != text:
        raise Failed(f"{what}: not proper base64")
    return value


def read_key(text: str, kind: int) -> Key:
    """Return the key in `name+hex(id)+base64(kind || public key)`."""
    name, _, rest = text.strip().partition("+")
    shown_id, _, encoded = rest.partition("+")
    raw = decode(encoded, "verifier key")
    key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if len(raw) != 33 or raw[0] != kind or not name or key_id.hex() != shown_id:
        raise Failed(f"not an Ed25519 verifier key of kind {kind}: {text.strip()[:80]!r}")
    return Key(name, raw[1:], key_id)


def check_signature(key: Key, signature: bytes, message: bytes) -> None:
    """Raise `Failed` unless it is the key's signature."""
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Failed(f"the signature of {key.name} is wrong") from None


def read_checkpoint(data: bytes, log: Key) -> Checkpoint:
    """Return the checkpoint, once the log's own signature on it is verified."""
    try:
        text, blank, tail = data.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Failed("not UTF-8") from None
    text += "\n"
    head = text.split("\n")
    if not blank or not tail.endswith("\n") or len(head) < 4 or not DECIMAL.fullmatch(head[1]):
        raise Failed("not a signed checkpoint")
    lines = []
    for line in tail[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != "\u2014":
            raise Failed("a signature line is malformed")
        lines.append((name, decode(encoded, "a signature line")))
    checkpoint = Checkpoint(text, lines, int(head[1]), decode(head[2], "root"))
    if head[0] != log.name:
        raise Failed(f"it is of another log: {head[0]}")
    own = [raw[4:] for name, raw in lines if (name, raw[:4]) == (log.name, log.key_id)]
    if not own:
        raise Failed(f"{log.name} did not sign it with the key {log.key_id.hex()}")
    check_signature(log, own[0], text.encode())
    return checkpoint


def has_cosigned(key: Key, checkpoint: Checkpoint) -> bool:
    """Return whether the witness cosigned; a wrong cosignature fails."""
    for name, raw in checkpoint.lines:
        if (name, raw[:4]) == (key.name, key.key_id):
            time_s = int.from_bytes(raw[4:12], "big")
            message = f"cosignature/v1\ntime {time_s}\n{checkpoint.text}"
            check_signature(key, raw[12:], message.encode())
            return True
    return False


def root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """Return the root that an inclusion proof leads to, or None (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return None
    first, last, reached = index, size - 1, leaf
    for sibling in path:
        if last == 0 or len(sibling) != 32:
            return None
        if first & 1 or first == last:
            reached = hashlib.sha256(b"\x01" + sibling + reached).digest()
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            reached = hashlib.sha256(b"\x01" + reached + sibling).digest()
        first, last = first >> 1, last >> 1
    return reached if last == 0 else None


class Bundle:
    """The checks, in order. What one of them found is kept for the later ones."""

    def __init__(self, files: Files, options: argparse.Namespace) -> None:
        self.files, self.options = files, options
        self.log: Key
        self.checkpoint: Checkpoint
        self.commitments: dict[str, bytes] = {}
        self.proven: list[bytes] = []

    def below(self, folder: str) -> Files:
        return {name: data for name, data in sorted(self.files.items()) if name.startswith(folder)}

    def check_manifest(self) -> str:
        data = self.files.get("manifest.json", b"")
        if self.options.manifest and hashlib.sha256(data).hexdigest() != self.options.manifest:
            raise Failed("manifest.json is not the one that the exporter named")
        try:
            listed = dict(json.loads(data)["files"])
        except (ValueError, KeyError, TypeError):
            raise Failed("manifest.json is missing or malformed") from None
        present = {name for name in self.files if name != "manifest.json"}
        for name in sorted(present ^ set(listed)):
            raise Failed(f"{name} is {'not listed' if name in present else 'missing'}")
        for name in sorted(present):
            if hashlib.sha256(self.files[name]).hexdigest() != listed[name]:
                raise Failed(f"{name} was changed")
        return f"{len(present)} files are as listed"

    def check_key(self) -> str:
        inside = self.files.get("log/vkey", b"").decode(errors="replace").strip()
        self.log = read_key(self.options.log or inside, ED25519)
        if self.options.log and self.options.log.strip() != inside:
            raise Failed("log/vkey is not the key that you trust")
        source = "" if self.options.log else " (UNVERIFIED: taken from the bundle; use --log)"
        return f"{self.log.name}+{self.log.key_id.hex()}{source}"

    def check_checkpoint(self) -> str:
        self.checkpoint = read_checkpoint(self.files.get("log/checkpoint", b""), self.log)
        return f"tree of {self.checkpoint.size} entries, signed by the log"

    def check_cosignatures(self) -> str:
        inside = self.files.get("log/witnesses", b"").decode(errors="replace").split()
        keys = {read_key(text, COSIGNATURE) for text in self.options.witness or inside}
        count = sum(has_cosigned(key, self.checkpoint) for key in keys)
        if count < self.options.quorum:
            raise Failed(f"{count} of {len(keys)} witnesses; {self.options.quorum} are needed")
        return f"{count} of {len(keys)} known witnesses"

    def check_entries(self) -> str:
        for name, data in self.below("entries/").items():
            try:
                entry: Any = json.loads(data)
                if name != f"entries/{entry['id']}.json":
                    raise Failed(f"{name}: is the entry {entry['id']}")
                self.commitments[entry["id"]] = decode(entry["commitment"], name)
            except (ValueError, KeyError, TypeError):
                raise Failed(f"{name}: not an entry") from None
        if not self.commitments:
            raise Failed("there are none")
        return f"{len(self.commitments)} entries"

    def check_proofs(self) -> str:
        entries, proofs = self.below("entries/"), self.below("proofs/")
        wanted = {name.replace("entries/", "proofs/")[:-5] + ".tlog-proof" for name in entries}
        for name in sorted(wanted ^ set(proofs)):
            raise Failed(f"{name}: {'missing' if name in wanted else 'of no entry here'}")
        for name, data in proofs.items():
            entry = entries[name.replace("proofs/", "entries/")[:-11] + ".json"]
            self.check_proof(name, data, hashlib.sha256(b"\x00" + entry).digest())
        return f"{len(proofs)} entries are in the tree"

    def check_proof(self, name: str, data: bytes, leaf: bytes) -> None:
        head, _, note = data.partition(b"\n\n")
        first, *lines = head.decode(errors="replace").split("\n")
        index = lines.pop(0)[6:] if lines and lines[0].startswith("index ") else ""
        if first != "c2sp.org/tlog-proof@v1" or not DECIMAL.fullmatch(index) or len(lines) > 63:
            raise Failed(f"{name}: not a proof file")
        if note != self.files.get("log/checkpoint"):
            raise Failed(f"{name}: is under another checkpoint")
        path = [decode(line, name) for line in lines]
        if root_of(leaf, int(index), self.checkpoint.size, path) != self.checkpoint.root:
            raise Failed(f"{name}: does not lead from its entry to the signed root")

    def check_records(self) -> str:
        found = self.below("records/")
        for name, data in found.items():
            try:
                kept = json.loads(data)
                record, salt = kept["record"].encode(), decode(kept["salt"], name)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise Failed(f"{name}: not a record and its salt") from None
            expected = self.commitments.get(name[len("records/") : -len(".json")])
            made = hmac.new(salt, record, "sha256").digest()
            if expected is None or not hmac.compare_digest(made, expected):
                raise Failed(f"{name}: is not what its entry commits to")
            self.proven.append(record)
        return f"{len(found)} records are what their entries commit to"

    def check_attachments(self) -> str:
        others = [name for name in self.files if not name.startswith(OWN) and "/" in name]
        text = b"\n".join(self.proven)
        digests = [hashlib.sha256(self.files[name]).digest() for name in others]
        forms = [(digest.hex().encode(), base64.b64encode(digest)) for digest in digests]
        named = sum(any(form in text for form in pair) for pair in forms)
        return f"{len(others)} further files, {named} of them named by a proven record"


def read_files(path: str) -> Files:
    """Return the files of a zip, within the limits. Nothing is written to disk."""
    with zipfile.ZipFile(path) as archive:
        listed = archive.infolist()
        total = sum(item.file_size for item in listed)
        if len(listed) > FILES_MAX or total > BUNDLE_SIZE_BYTES_MAX:
            raise Failed("the bundle is too large")
        if len({item.filename for item in listed}) != len(listed):
            raise Failed("two files have the same name")
        return {item.filename: archive.read(item) for item in listed}


def run(bundle: Bundle) -> int:
    """Run every check, say what each found, and end with the verdict."""
    failed = []
    for name in CHECKS.split():
        try:
            print(f"ok   {name}: {getattr(bundle, f'check_{name}')()}")
        except Failed as exc:
            failed.append(name)
            print(f"FAIL {name}: {exc}")
            if name in ("key", "checkpoint"):
                break  # Nothing after it can be checked without it.
    print(f"REFUSED: {', '.join(failed)}" if failed else "accepted: every check passed")
    return 1 if failed else 0


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments and the zip, and check it."""
    parser = argparse.ArgumentParser(description="Check an audit bundle offline.")
    parser.add_argument("bundle")
    parser.add_argument("--log", help="the log's verifier key, from a source that you trust")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    parser.add_argument("--quorum", type=int, default=0, help="how many must have cosigned")
    parser.add_argument("--manifest", help="SHA-256 of manifest.json that the exporter named")
    options = parser.parse_args(arguments)
    try:
        files = read_files(options.bundle)
    except OSError as exc:
        print(f"cannot read {options.bundle}: {exc.strerror}")
        return 2
    except (Failed, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as exc:
        print(f"FAIL zip: {exc}\nREFUSED: zip")
        return 1
    return run(Bundle(files, options))


if __name__ == "__main__":
    sys.exit(main())
