"""What a seal says of a video, in our own words: the input of the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

CAMEOS_MAX = 20
GATES_MAX = 16
SOFT_BINDINGS_MAX = 8
TITLE_CHARACTERS_MAX = 200
THUMBNAIL_SIZE_BYTES_MAX = 512 * 1024


@dataclass(frozen=True)
class SealedCameo:
    """One real likeness that went in: no name, no account, and nothing that links two videos.

    `cameo_ref` is the pseudonym of the cameo in this one render; `capture_sha256` is 32 bytes.
    """

    cameo_ref: str
    capture_sha256: bytes


@dataclass(frozen=True)
class SealedGate:
    """One decision on consent. `log_index` is None while its entry awaits the sequencer."""

    gate: str
    entry_id: UUID
    decision_id: UUID
    log_index: int | None = None


@dataclass(frozen=True)
class SoftBinding:
    """One way to find the manifest again when it was stripped: an algorithm and its value."""

    alg: str
    value: str


@dataclass(frozen=True)
class SoftwareAgent:
    """The backend that made the frames, from the worker's signed receipt."""

    name: str
    version: str
    model_id: str = ""
    weights_sha256: str = ""  # Hexadecimal; empty for a backend without weights.


@dataclass(frozen=True)
class SealRequest:
    """All that one manifest says. Plain data; no personal data but what the title holds."""

    render_id: UUID
    title: str
    created_at: datetime
    is_remix: bool
    has_real_capture: bool
    permit_id: str
    checkpoint: str  # The signed note's text, as the log published it; empty before the first.
    status_url: str  # Where anybody asks whether consent still holds.
    training_allowed: bool
    agent: SoftwareAgent
    thumbnail: bytes  # JPEG.
    parent_path: Path | None = None  # The sealed file that a remix opened.
    cameos: tuple[SealedCameo, ...] = ()
    gates: tuple[SealedGate, ...] = ()
    soft_bindings: tuple[SoftBinding, ...] = ()
    terms_expire_at: datetime | None = None
