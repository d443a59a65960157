"""What anybody can learn from a file: is it sealed, by whom, when, and is it whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class SealState(StrEnum):
    """The answer, from best to worst; `NONE` is a file without a manifest."""

    TRUSTED = "trusted"  # Whole, and signed under our own roots for this purpose.
    VALID = "valid"  # Whole, but signed by somebody we do not know.
    INVALID = "invalid"
    NONE = "none"


@dataclass(frozen=True)
class ClaimSigner:
    """The leaf certificate that signed the claim."""

    common_name: str
    issuer: str
    serial: str  # Decimal.
    fingerprint_sha256: str  # Hexadecimal, of the leaf's DER.


@dataclass(frozen=True)
class SealReport:
    """What a file says of itself, and which of it held."""

    state: SealState
    sha256: bytes  # Of the whole file: `trusted` does not mean byte-identical.
    size_bytes: int
    problems: tuple[str, ...] = ()  # C2PA status codes, and ours below `org.countersign.`.
    manifest: dict[str, Any] = field(default_factory=dict)  # The manifest store as JSON.
    manifest_label: str = ""
    manifest_sha256: bytes = b""  # Of the manifest store's bytes.
    signer: ClaimSigner | None = None
    timestamped_at: datetime | None = None
    timestamp_trusted: bool = False
