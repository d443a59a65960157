"""The fingerprint: an ISCC Video-Code of 256 bits, the soft binding `io.iscc.v0`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import iscc_lib

from provenance.marks import reading
from provenance.marks.fields import BITS

ALGORITHM: Final = "io.iscc.v0"
FINGERPRINT_SECONDS_MAX: Final = 60.0


@dataclass(frozen=True)
class Fingerprint:
    """A video's fingerprint. Compare two `bits` by Hamming distance: 0 to 256."""

    code: str  # ISCC:K..., the code as people write it.
    bits: int

    @property
    def bit_string(self) -> str:
        """The bits as 256 digits, which PostgreSQL takes as `bit(256)`."""
        return format(self.bits, f"0{BITS}b")


def fingerprint(path: Path) -> Fingerprint:
    """Return a video file's fingerprint. Raises as `reading.read`."""
    return fingerprint_of(reading.read(path, seconds_max=FINGERPRINT_SECONDS_MAX))


def fingerprint_of(video: reading.Reading) -> Fingerprint:
    """Return the fingerprint of a video that was read: of five frame signatures a second.

    Source: ISO 24138:2024, Video-Code; its 256 bits are the WTA-Hash of the summed signatures.
    """
    signatures = video.signatures.tolist()
    code = iscc_lib.gen_video_code_v0(signatures, bits=BITS)["iscc"]
    return Fingerprint(code=code, bits=bits_of(signatures))


def bits_of(signatures: Sequence[Sequence[int]]) -> int:
    """Return the 256 bits of a video's frame signatures, as an unsigned integer."""
    return int.from_bytes(iscc_lib.soft_hash_video_v0(signatures, bits=BITS), "big")


def distance(first: int, second: int) -> int:
    """Return the Hamming distance of two fingerprints, in bits."""
    return (first ^ second).bit_count()
