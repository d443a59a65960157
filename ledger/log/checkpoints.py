"""Checkpoints, their cosignatures, and proof files. Pure.

Source: C2SP tlog-checkpoint, tlog-cosignature (v1, Ed25519), tlog-proof.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.errors import Malformed
from ledger.log import merkle, notes
from ledger.log.merkle import HASH_SIZE_BYTES, TREE_SIZE_MAX
from ledger.log.notes import Note, Signature, SignatureInvalid, Signer, VerifierKey

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
PROOF_HASHES_MAX = 63
DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
TIME_SIZE_BYTES = 8
TIME_MAX = 2**63 - 1
COSIGNATURE_SIZE_BYTES = TIME_SIZE_BYTES + 64


class CheckpointMalformed(Malformed):
    code = "log-checkpoint-malformed"
    title = "This is not a checkpoint."


class ProofMalformed(Malformed):
    code = "log-proof-malformed"
    title = "This is not a proof file."


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself at one moment: its name, its size, its root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Proof:
    """A proof file: where the entry lies, its path, and a checkpoint's note."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> str:
        """Return the file's text."""
        hashes = "".join(f"{base64.b64encode(value).decode()}\n" for value in self.hashes)
        return f"{PROOF_HEADER}\nindex {self.index}\n{hashes}\n{self.checkpoint.decode()}"


def parse(text: str) -> Checkpoint:
    """Return the checkpoint in a note's text. Extension lines are allowed, and ignored.

    Raises:
        CheckpointMalformed: it is not one.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not DECIMAL.fullmatch(lines[1]):
        raise CheckpointMalformed
    root, size = decode_hash(lines[2]), int(lines[1])
    if root is None or size > TREE_SIZE_MAX or (size == 0) != (root == merkle.EMPTY_ROOT):
        raise CheckpointMalformed
    return Checkpoint(lines[0], size, root)


def opened(data: bytes, *, log: VerifierKey) -> tuple[Checkpoint, Note]:
    """Return the checkpoint in a signed note, once the log's own signature is verified.

    Raises:
        NoteMalformed, CheckpointMalformed: it is not one.
        SignatureInvalid: the log did not sign it, or it is another log's.
    """
    note = notes.parse(data)
    notes.verify(note, [log])
    checkpoint = parse(note.text)
    if checkpoint.origin != log.name:
        raise SignatureInvalid(key=log.name)
    return checkpoint, note


def cosign(signer: Signer, *, text: str, unix_time_s: int) -> Signature:
    """Return a witness's cosignature of a checkpoint's text at a time."""
    value = signer.private_key.sign(_cosigned(text, unix_time_s))
    return signer.signature(unix_time_s.to_bytes(TIME_SIZE_BYTES, "big") + value)


def verify_cosignature(key: VerifierKey, *, text: str, signature: Signature) -> int:
    """Return the Unix time, in seconds, at which a witness cosigned.

    Raises:
        SignatureInvalid: it did not.
    """
    fits = (signature.name, signature.key_id) == (key.name, key.key_id)
    unix_time_s = int.from_bytes(signature.value[:TIME_SIZE_BYTES], "big")
    if not fits or len(signature.value) != COSIGNATURE_SIZE_BYTES or unix_time_s > TIME_MAX:
        raise SignatureInvalid(key=key.name)
    key.check(signature=signature.value[TIME_SIZE_BYTES:], message=_cosigned(text, unix_time_s))
    return unix_time_s


def witnesses_of(note: Note, witnesses: Iterable[VerifierKey]) -> dict[str, int]:
    """Return, for each known witness that cosigned the note, when, in Unix seconds.

    Raises:
        SignatureInvalid: a known witness's line is wrong.
    """
    known = {(key.name, key.key_id): key for key in witnesses}
    return {
        signature.name: verify_cosignature(key, text=note.text, signature=signature)
        for signature in note.signatures
        if (key := known.get((signature.name, signature.key_id)))
    }


def parse_proof(text: str) -> Proof:
    """Return the proof in a proof file. An `extra` line is allowed, and ignored.

    Raises:
        ProofMalformed: it is not one, or has more than 63 hashes.
    """
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != PROOF_HEADER:
        raise ProofMalformed
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    word, _, number = (lines.pop(0) if lines else "").partition(" ")
    hashes = [decode_hash(line) for line in lines]
    if word != "index" or not DECIMAL.fullmatch(number) or len(hashes) > PROOF_HASHES_MAX:
        raise ProofMalformed
    known = tuple(value for value in hashes if value is not None)
    if len(known) != len(hashes):
        raise ProofMalformed
    return Proof(int(number), known, checkpoint.encode())


def decode_hash(line: str) -> bytes | None:
    """Return the 32 bytes that a line of base64 says, or None. There is one line for each hash."""
    try:
        value = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return None
    is_canonical = base64.b64encode(value).decode() == line
    return value if is_canonical and len(value) == HASH_SIZE_BYTES else None


def encode_hashes(hashes: Sequence[bytes]) -> str:
    """Return hashes as base64, one a line."""
    return "".join(f"{base64.b64encode(value).decode()}\n" for value in hashes)


def _cosigned(text: str, unix_time_s: int) -> bytes:
    return f"cosignature/v1\ntime {unix_time_s}\n{text}".encode()
