"""From the value of a soft binding to manifests: what the C2PA Soft Binding Resolution API asks."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import iscc_lib

from provenance.lookup import queries
from provenance.lookup.errors import BindingMalformed
from provenance.lookup.identifications import Identification
from provenance.marks import detection, fingerprints
from provenance.marks import queries as marks
from provenance.marks.fields import BITS

VALUE_LENGTH_MAX: Final = 512
_MARK_ID: Final = re.compile(r"[0-9a-f]{10}")


@dataclass(frozen=True)
class ManifestMatch:
    """A manifest of a released video, and how surely it is meant: 0 to 100."""

    manifest_label: str
    score: int


def resolve(*, algorithm: str, value: str, limit: int) -> tuple[ManifestMatch, ...]:
    """Return the manifests that a soft binding names, the surest first.

    Args:
        algorithm: as in the C2PA list of soft-binding algorithms.
        value: as it stands in a manifest's soft-binding assertion, or that in base64.
        limit: at most so many.

    Raises:
        BindingMalformed: not an algorithm of this service, or not a value of it.
    """
    text = _text(value)
    if algorithm == detection.ALGORITHM and _MARK_ID.fullmatch(text):
        use_id = marks.use_of_mark(int(text, 16))
        return _with_manifests([(use_id, 100)] if use_id else [], limit)
    if algorithm == fingerprints.ALGORITHM:
        return _with_manifests(_near(_bits(text)), limit)
    raise BindingMalformed(alg=algorithm[:100])


def of_content(
    found: Identification, *, algorithm: str | None, limit: int
) -> tuple[ManifestMatch, ...]:
    """Return the manifests that a file's own mark and looks name; by one algorithm if it is given.

    Raises:
        BindingMalformed: not an algorithm of this service.
    """
    if algorithm not in (None, detection.ALGORITHM, fingerprints.ALGORITHM):
        raise BindingMalformed(alg=str(algorithm)[:100])
    named: list[tuple[UUID, int]] = []
    if algorithm != fingerprints.ALGORITHM and found.mark and found.mark.use_id:
        named.append((found.mark.use_id, 100))
    if algorithm != detection.ALGORITHM and found.looks:
        named += [(match.use_id, _score(match.distance)) for match in found.looks.matches]
    return _with_manifests(named, limit)


def _near(bits: int) -> list[tuple[UUID, int]]:
    return [(match.use_id, _score(match.distance)) for match in marks.nearest(bits)]


def _score(distance: int) -> int:
    return round(100 * (1 - distance / BITS))


def _with_manifests(named: list[tuple[UUID, int]], limit: int) -> tuple[ManifestMatch, ...]:
    """Return each use once, with the manifest of its released file; drafts and withdrawn ones fall out."""
    best: dict[str, int] = {}
    for use_id, score in named:
        label = queries.manifest_label_of(use_id)
        if label is not None:
            best[label] = max(score, best.get(label, 0))
    ordered = sorted(best.items(), key=lambda one: -one[1])
    return tuple(ManifestMatch(label, score) for label, score in ordered[:limit])


def _text(value: str) -> str:
    """Return a binding's value as it stands in a manifest: given so, or in base64."""
    if not 0 < len(value) <= VALUE_LENGTH_MAX:
        raise BindingMalformed(length_max=VALUE_LENGTH_MAX)
    if value.startswith("ISCC:") or _MARK_ID.fullmatch(value):
        return value
    try:
        return base64.b64decode(value, validate=True).decode("ascii")
    except ValueError as exc:  # No base64, not even ASCII, or no ASCII inside.
        raise BindingMalformed(length_max=VALUE_LENGTH_MAX) from exc


def _bits(code: str) -> int:
    """Return the 256 bits of an ISCC Video-Code."""
    try:
        kind, subtype, _, _, body = iscc_lib.iscc_decode(code)
    except ValueError as exc:
        raise BindingMalformed(alg=fingerprints.ALGORITHM) from exc
    if (kind, subtype) != (2, 3) or len(body) * 8 != BITS:
        raise BindingMalformed(alg=fingerprints.ALGORITHM)
    return int.from_bytes(body, "big")
