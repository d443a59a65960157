"""Where state lives on this machine, and the secrets of a development machine.

No Django here: settings, the embedded database and the supervisor all start from this.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent


def state_folder() -> Path:
    """Return the folder that holds everything the service writes: `COUNTERSIGN_VAR` or `var/`."""
    return Path(os.environ.get("COUNTERSIGN_VAR") or PROJECT_DIR / "var").resolve()


def is_production() -> bool:
    """Return whether `COUNTERSIGN_ENV` says production: then nothing is made up."""
    return os.environ.get("COUNTERSIGN_ENV", "development") == "production"


def development_secret(name: str) -> str:
    """Return this machine's own random secret of that name, made on first use, file mode 0600.

    Empty in production, so that a missing secret is seen by the start-up checks.
    """
    if is_production():
        return ""
    path = state_folder() / "keys" / f"{name}.secret"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secret := secrets.token_urlsafe(48))
    return secret
