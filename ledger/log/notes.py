"""Signed notes and verifier keys. Pure.

Source: C2SP signed-note; golang.org/x/mod/sumdb/note (whose limits these are).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from ledger.errors import Malformed, Refused

ED25519 = 0x01
COSIGNATURE = 0x04
KEY_ID_SIZE_BYTES = 4
NOTE_SIZE_BYTES_MAX = 1_000_000
SIGNATURES_MAX = 100
NAME = re.compile(r"[^\s+]+")
LINE = re.compile(r"— (\S+) (\S+)")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteMalformed(Malformed):
    code = "log-note-malformed"
    title = "This is not a signed note."


class VerifierKeyMalformed(Malformed):
    code = "log-vkey-malformed"
    title = "This is not a verifier key."


class SignatureInvalid(Refused):
    code = "log-signature-invalid"
    title = "A known key's signature on the note is wrong, or missing."


@dataclass(frozen=True)
class Signature:
    """One signature line: whose it says it is, and its bytes without the key id."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """Return it as it stands in a note."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A text that ends in a newline, and its signatures, not yet verified."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the note's bytes."""
        lines = "".join(signature.line() for signature in self.signatures)
        return f"{self.text}\n{lines}".encode()


@dataclass(frozen=True)
class VerifierKey:
    """A named Ed25519 public key and what it signs: notes, or cosignatures."""

    name: str
    algorithm: int
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA256(name || 0x0A || algorithm || public key)."""
        signed = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public_key
        return sha256(signed).digest()[:KEY_ID_SIZE_BYTES]

    def encode(self) -> str:
        """Return `name+hex(key id)+base64(algorithm || public key)`."""
        key = base64.b64encode(bytes([self.algorithm]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def signature_in(self, note: Note) -> Signature:
        """Return this key's line, without verifying it.

        Raises:
            SignatureInvalid: there is none.
        """
        for signature in note.signatures:
            if (signature.name, signature.key_id) == (self.name, self.key_id):
                return signature
        raise SignatureInvalid(key=self.name)

    def check(self, *, signature: bytes, message: bytes) -> None:
        """Raise `SignatureInvalid` unless the 64 bytes are this key's signature of the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError) as exc:
            raise SignatureInvalid(key=self.name) from exc


@dataclass(frozen=True)
class Signer:
    """A named Ed25519 private key and what it signs."""

    name: str
    algorithm: int
    private_key: Ed25519PrivateKey

    @classmethod
    def of_seed(cls, name: str, seed: bytes, algorithm: int = ED25519) -> Signer:
        """Return the signer of a 32-byte Ed25519 seed."""
        if not NAME.fullmatch(name):
            raise VerifierKeyMalformed
        return cls(name, algorithm, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        public = self.private_key.public_key().public_bytes_raw()
        return VerifierKey(self.name, self.algorithm, public)

    def sign(self, text: str) -> Signature:
        """Sign a note's text."""
        return self.signature(self.private_key.sign(text.encode()))

    def signature(self, value: bytes) -> Signature:
        """Return signature bytes as this key's line."""
        return Signature(self.name, self.verifier.key_id, value)


def parse(data: bytes) -> Note:
    """Return the note in these bytes, its signatures not verified.

    Raises:
        NoteMalformed: too large, not UTF-8, control characters, no blank line, no or more than 100
            signatures, or a line that is not one.
    """
    if len(data) > NOTE_SIZE_BYTES_MAX:
        raise NoteMalformed(limit_bytes=NOTE_SIZE_BYTES_MAX)
    try:
        whole = data.decode()
    except UnicodeDecodeError as exc:
        raise NoteMalformed from exc
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or CONTROL.search(whole):
        raise NoteMalformed
    signatures = [_signature(line) for line in lines[:-1].split("\n")]
    if len(signatures) > SIGNATURES_MAX:
        raise NoteMalformed(limit=SIGNATURES_MAX)
    return Note(text + "\n", tuple(signatures))


def verify(note: Note, keys: Iterable[VerifierKey]) -> Sequence[VerifierKey]:
    """Return which of the known Ed25519 keys signed the note's text. At least one did.

    Lines of unknown keys are ignored, as the format wants; a wrong signature of a known one is not.

    Raises:
        SignatureInvalid: a known key's signature is wrong, or no known key signed.
    """
    known = {(key.name, key.key_id): key for key in keys if key.algorithm == ED25519}
    signed = []
    for signature in note.signatures:
        if key := known.pop((signature.name, signature.key_id), None):
            key.check(signature=signature.value, message=note.text.encode())
            signed.append(key)
    if not signed:
        raise SignatureInvalid
    return signed


def parse_vkey(text: str) -> VerifierKey:
    """Return the verifier key in `name+hex+base64`.

    Raises:
        VerifierKeyMalformed: it is not one, its id does not fit its key, or its kind is unknown.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise VerifierKeyMalformed from exc
    if not NAME.fullmatch(name) or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
        raise VerifierKeyMalformed
    key = VerifierKey(name, raw[0], raw[1:])
    if key.encode() != f"{name}+{key_id}+{encoded}":
        raise VerifierKeyMalformed
    return key


def _signature(line: str) -> Signature:
    match = LINE.fullmatch(line)
    if match is None or not NAME.fullmatch(match[1]):
        raise NoteMalformed
    try:
        raw = base64.b64decode(match[2], validate=True)
    except (binascii.Error, ValueError) as exc:
        raise NoteMalformed from exc
    if len(raw) <= KEY_ID_SIZE_BYTES:
        raise NoteMalformed
    return Signature(match[1], raw[:KEY_ID_SIZE_BYTES], raw[KEY_ID_SIZE_BYTES:])
