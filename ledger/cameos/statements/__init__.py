"""The consent statements, each version's exact text, kept for ever beside the code.

A text that was ever shown is never edited: a change is a new file and a new `CURRENT`.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

CURRENT = "1"
VERSIONS = ("1",)


@dataclass(frozen=True)
class Statement:
    """One version. `sha256` is of the text's UTF-8 bytes, exactly as the file has them."""

    version: str
    text: str
    sha256: bytes


@functools.cache
def version(name: str) -> Statement:
    """Return one version. Raises `KeyError` for one that never was."""
    if name not in VERSIONS:
        raise KeyError(name)
    raw = (Path(__file__).parent / f"{name}.txt").read_bytes()
    return Statement(name, raw.decode(), hashlib.sha256(raw).digest())


def current() -> Statement:
    """Return the version that new enrolments show."""
    return version(CURRENT)
