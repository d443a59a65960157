"""The service's mark keys, in versions: files `<version>.key` of 64 bytes in `MARK_KEYS_DIR`.

The first 32 bytes place the pattern, and are told to workers; the last 32 prove a payload, and never
leave the service. Who steals the pattern key can remove or copy marks; who steals both can forge them.
Old versions stay for as long as videos marked with them may come back.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from gpu_worker.contract import mark
from ledger.vault import keyfiles
from provenance.marks.detection import MarkKey

VERSIONS_MAX: Final = 16


def current() -> MarkKey:
    """Return the newest key: what new renders are marked with."""
    return every()[0]


def every() -> tuple[MarkKey, ...]:
    """Return all keys, newest first.

    Raises:
        ImproperlyConfigured: in production, without a key; or with a file that is not one.
    """
    return _load(settings.MARK_KEYS_DIR, settings.IS_PRODUCTION)


def of_version(version: int) -> MarkKey:
    """Return one version's key, or raise `ImproperlyConfigured`: its file was lost."""
    for key in every():
        if key.version == version:
            return key
    raise ImproperlyConfigured(f"mark key {version} is missing")


@lru_cache(maxsize=4)
def _load(folder: Path, is_production: bool) -> tuple[MarkKey, ...]:
    if not is_production:
        keyfiles.read_or_create(folder / "1.key", lambda: secrets.token_bytes(2 * mark.KEY_BYTES))
    paths = sorted(folder.glob("*.key"), key=lambda path: path.stem.zfill(5), reverse=True)
    if not 0 < len(paths) <= VERSIONS_MAX:
        raise ImproperlyConfigured("MARK_KEYS_DIR must hold 1 to 16 files <version>.key")
    return tuple(_parse(path) for path in paths)


def _parse(path: Path) -> MarkKey:
    data = path.read_bytes()
    if not path.stem.isdecimal() or len(data) != 2 * mark.KEY_BYTES:
        raise ImproperlyConfigured(f"{path.name} is not a mark key")
    return MarkKey(int(path.stem), data[: mark.KEY_BYTES], data[mark.KEY_BYTES :])
