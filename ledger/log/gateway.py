"""Asking a witness for its cosignature, in our words.

Source: C2SP tlog-witness.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import requests

from ledger.db import forbid_open_transaction
from ledger.errors import Conflict, Refused, Unavailable
from ledger.log import checkpoints, notes
from ledger.log.checkpoints import encode_hashes
from ledger.log.notes import Note, Signature, VerifierKey

ANSWER_SIZE_BYTES_MAX = 65_536
SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class WitnessUnavailable(Unavailable):
    code = "log-witness-unavailable"
    title = "A witness did not answer."


class WitnessRefused(Refused):
    code = "log-witness-refused"
    title = "A witness does not know this log, or does not accept its proof."


class WitnessConflict(Conflict):
    """The witness has seen another size than we thought: `size` is the one that it has."""

    code = "log-witness-conflict"
    title = "A witness has seen another tree size."

    def __init__(self, *, size: int) -> None:
        super().__init__(size=size)
        self.size = size


class Witness(Protocol):
    """Somebody who remembers the newest tree of ours that they have seen."""

    key: VerifierKey

    def add_checkpoint(
        self, *, old_size: int, proof: Sequence[bytes], note: bytes, timeout_s: float
    ) -> Signature:
        """Return the verified cosignature of a checkpoint's note.

        Raises:
            WitnessConflict: the witness has seen another size than `old_size`.
            WitnessRefused: it refuses, or its cosignature is wrong.
            WitnessUnavailable: no usable answer in time.
        """
        ...


class HttpWitness:
    """A witness at an address. One keep-alive connection."""

    def __init__(self, url: str, key: VerifierKey) -> None:
        self._url, self.key = f"{url}/add-checkpoint", key
        self._session = requests.Session()

    def add_checkpoint(
        self, *, old_size: int, proof: Sequence[bytes], note: bytes, timeout_s: float
    ) -> Signature:
        forbid_open_transaction()
        body = f"old {old_size}\n{encode_hashes(proof)}\n".encode() + note
        status, answer = self._post(body, timeout_s)
        if status == 409 and (size := SIZE.fullmatch(answer)):
            raise WitnessConflict(size=int(size[1]))
        if status in (400, 403, 404, 409, 422):
            raise WitnessRefused(witness=self.key.name, status=status)
        if status != 200:
            raise WitnessUnavailable(witness=self.key.name, status=status)
        return self._verified(note, answer)

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def _post(self, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        try:
            with self._session.post(
                self._url, data=body, timeout=timeout_s, stream=True, allow_redirects=False
            ) as answer:
                content = answer.raw.read(ANSWER_SIZE_BYTES_MAX + 1, decode_content=True)
                return answer.status_code, content
        except (requests.RequestException, OSError) as exc:
            raise WitnessUnavailable(witness=self.key.name) from exc

    def _verified(self, note: bytes, lines: bytes) -> Signature:
        text = notes.parse(note).text
        try:
            answered: Note = notes.parse(f"{text}\n".encode() + lines)
            signature = self.key.signature_in(answered)
            checkpoints.verify_cosignature(self.key, text=text, signature=signature)
        except (notes.NoteMalformed, notes.SignatureInvalid) as exc:
            raise WitnessRefused(witness=self.key.name, status=200) from exc
        return signature
