"""The invisible mark's signal: payload, code, and which chip carries what. Exact: docs/spec/marks.md.

Shared by the embedder (`gpu_worker.marking.invisible`) and the service's detector, so that the two
cannot drift apart. Nothing here is random: everything follows from a key.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

KEY_BYTES: Final = 32
ID_BITS: Final = 40
MAC_BITS: Final = 24
PAYLOAD_BITS: Final = ID_BITS + MAC_BITS

# The code: K = 7, rate 1/3, generators 133, 171, 165 (octal), ended by six zeros.
CONSTRAINT_LENGTH: Final = 7
GENERATORS: Final = (0o133, 0o171, 0o165)
CODE_BITS: Final = (PAYLOAD_BITS + CONSTRAINT_LENGTH - 1) * len(GENERATORS)

TILE_CHIPS: Final = 64  # The pattern repeats every 64 chips, both ways.
PILOT_CHIPS: Final = 820  # About a fifth of a tile's 4,096 chips carry no data, only position.
CHIPS_ACROSS_MAX: Final = 144  # Along the shorter side: 5 pixels a chip at 720 lines.
CHIP_PX_MIN: Final = 4.0  # Smaller frames get fewer chips, not smaller ones.
PILOT: Final = -1


@dataclass(frozen=True)
class Pattern:
    """One key's tile: the sign of each chip, and the code bit (or `PILOT`) that it carries."""

    signs: NDArray[np.int8]
    bits: NDArray[np.int16]


def identify(render_id: UUID, mac_key: bytes, *, salt: int = 0) -> int:
    """Return the 40-bit mark id of a render. Another `salt` gives another id, should one be taken."""
    digest = _mac(mac_key, b"id", render_id.bytes + bytes([salt]))
    return int.from_bytes(digest[: ID_BITS // 8], "big")


def sign(mark_id: int, mac_key: bytes) -> int:
    """Return the 64-bit payload of a mark id: the id, then 24 bits of its MAC."""
    mac = _mac(mac_key, b"payload", mark_id.to_bytes(ID_BITS // 8, "big"))
    return mark_id << MAC_BITS | int.from_bytes(mac[: MAC_BITS // 8], "big")


def payload(render_id: UUID, mac_key: bytes) -> int:
    """Return the 64-bit payload of a render whose mark id has the salt 0."""
    return sign(identify(render_id, mac_key), mac_key)


def verified(candidate: int, mac_key: bytes) -> int | None:
    """Return the mark id in a payload, or None where its MAC is not ours."""
    mark_id = candidate >> MAC_BITS
    expected = sign(mark_id, mac_key).to_bytes(8, "big")
    return mark_id if hmac.compare_digest(expected, candidate.to_bytes(8, "big")) else None


def encode(value: int) -> NDArray[np.int8]:
    """Return the 210 code bits of a 64-bit payload as -1 (zero) and +1 (one), highest bit first."""
    if not 0 <= value < 1 << PAYLOAD_BITS:
        raise ValueError("a payload has 64 bits")
    state, coded = 0, []
    for place in range(PAYLOAD_BITS - 1, -CONSTRAINT_LENGTH, -1):
        bit = value >> place & 1 if place >= 0 else 0
        window = bit << (CONSTRAINT_LENGTH - 1) | state
        coded += [(window & generator).bit_count() & 1 for generator in GENERATORS]
        state = window >> 1
    return np.array(coded, np.int8) * 2 - 1


def chip_px(*, width_px: int, height_px: int) -> float:
    """Return the side of one chip, in pixels of a frame of this size."""
    return max(CHIP_PX_MIN, min(width_px, height_px) / CHIPS_ACROSS_MAX)


@lru_cache(maxsize=8)
def pattern(key: bytes) -> Pattern:
    """Return a key's tile. Which chips are pilots, which bit each other carries, and all signs."""
    if len(key) != KEY_BYTES:
        raise ValueError("a pattern key has 32 bytes")
    chips = TILE_CHIPS * TILE_CHIPS
    stream = hashlib.shake_256(b"countersign.mark.v1.pattern" + key).digest(chips * 8 + chips // 8)
    order = np.argsort(np.frombuffer(stream[: chips * 8], ">u8"), kind="stable")
    signs = np.unpackbits(np.frombuffer(stream[chips * 8 :], np.uint8)).astype(np.int8) * 2 - 1
    bits = np.empty(chips, np.int16)
    bits[order[:PILOT_CHIPS]] = PILOT
    bits[order[PILOT_CHIPS:]] = np.arange(chips - PILOT_CHIPS) % CODE_BITS
    shape = (TILE_CHIPS, TILE_CHIPS)
    return Pattern(signs=signs.reshape(shape), bits=bits.reshape(shape))


def _mac(key: bytes, use: bytes, message: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError("a MAC key has 32 bytes")
    return hmac.digest(key, b"countersign.mark.v1." + use + b"\0" + message, "sha256")
