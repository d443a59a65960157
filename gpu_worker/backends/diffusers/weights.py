"""A model's folder: what it says of itself, and the digest of what is in it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

DESCRIPTION = "countersign.json"
INDEX = "model_index.json"
NAMES = {"name", "version", "licence", "territories"}
OPTIONAL_NAMES = {"steps"}
DOCUMENT_SIZE_BYTES_MAX = 64 * 1024
TEXT_LENGTH_MAX = 120
TERRITORY = re.compile(r"[A-Z]{2}")
TERRITORIES_MAX = 250
STEPS_MAX = 200
FILES_MAX = 10_000


class Absence(StrEnum):
    """Why a backend is not offered."""

    LIBRARY = "library-missing"
    MODELS_FOLDER = "models-folder-unset"
    FOLDER = "model-folder-missing"
    DESCRIPTION = "description-malformed"
    INDEX = "pipeline-of-another-kind"
    CODE = "code-beside-weights"
    WEIGHTS = "safetensors-missing"


class Unusable(ValueError):
    """A folder that we do not load from."""

    def __init__(self, absence: Absence) -> None:
        super().__init__(absence.value)
        self.absence = absence


@dataclass(frozen=True)
class Weights:
    """A folder that we load from. `sha256` covers every safetensors file; `steps` None: the family's."""

    folder: Path
    name: str
    version: str
    licence: str
    territories: tuple[str, ...]
    steps: int | None
    sha256: str
    size_bytes: int


def read(folder: Path, *, saved_as: frozenset[str]) -> Weights:
    """Return what a model's folder holds, with every weight file hashed.

    Raises:
        Unusable: no such folder, no or a malformed description, a pipeline of another kind, Python
            code beside the weights, or no safetensors.
    """
    if not folder.is_dir():
        raise Unusable(Absence.FOLDER)
    described = _described(_document(folder / DESCRIPTION, Absence.DESCRIPTION))
    index = _document(folder / INDEX, Absence.INDEX)
    if index.get("_class_name") not in saved_as:
        raise Unusable(Absence.INDEX)
    if any(folder.rglob("*.py")):
        raise Unusable(Absence.CODE)
    files = sorted(folder.rglob("*.safetensors"))
    if not 0 < len(files) <= FILES_MAX:
        raise Unusable(Absence.WEIGHTS)
    return Weights(
        folder=folder,
        **described,
        sha256=_sha256(files, folder=folder),
        size_bytes=sum(file.stat().st_size for file in files),
    )


def _sha256(files: list[Path], *, folder: Path) -> str:
    """Return SHA-256 over one line for each file, `<sha256>  <path>\\n`, as sha256sum writes them."""
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{digest}  {path.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()


def _document(path: Path, absence: Absence) -> dict[str, Any]:
    try:
        if path.stat().st_size > DOCUMENT_SIZE_BYTES_MAX:
            raise Unusable(absence)
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as exc:
        raise Unusable(absence) from exc
    if not isinstance(value, dict):
        raise Unusable(absence)
    return value


def _described(row: dict[str, Any]) -> dict[str, Any]:
    territories, steps = row.get("territories"), row.get("steps")
    texts = [row.get(name) for name in ("name", "version", "licence")]
    is_sound = (
        set(row) >= NAMES
        and set(row) <= NAMES | OPTIONAL_NAMES
        and all(isinstance(text, str) and 0 < len(text) <= TEXT_LENGTH_MAX for text in texts)
        and isinstance(territories, list)
        and len(territories) <= TERRITORIES_MAX
        and all(isinstance(one, str) and TERRITORY.fullmatch(one) for one in territories)
        and (steps is None or (type(steps) is int and 0 < steps <= STEPS_MAX))
    )
    if not is_sound or not isinstance(territories, list):
        raise Unusable(Absence.DESCRIPTION)
    name, version, licence = texts
    return {
        "name": name, "version": version, "licence": licence,
        "territories": tuple(territories), "steps": steps,
    }  # fmt: skip
