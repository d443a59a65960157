"""The worker's settings, from the environment. It needs no settings file and no database."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUEUE = "gpu"
TASK = "gpu_worker.render"


@dataclass(frozen=True)
class Settings:
    """What one worker is told.

    `service_url` is the only address that it calls, whatever a message says. `permit_keys_dir` holds
    the service's public permit keys as PEM files; without it they are read from the service's JWKS.
    `key_file` is the worker's own Ed25519 key, made on first use; its public half is written into
    `public_keys_dir`, where the service finds it.
    """

    broker_url: str = field(repr=False)
    broker_options: dict[str, Any] = field(repr=False)
    service_url: str
    permit_keys_dir: Path | None
    key_file: Path
    public_keys_dir: Path | None
    scratch_dir: Path
    encoder: str
    beat_period_s: float
    job_seconds_max: float


def from_environment() -> Settings:
    """Return the settings that the environment gives.

    Raises:
        KeyError: `COUNTERSIGN_SERVICE_URL` is not set.
        ValueError: a number or a JSON document that is none.
    """
    known = os.environ
    return Settings(
        broker_url=known.get("CELERY_BROKER_URL", "pgmq://"),
        broker_options=json.loads(known.get("CELERY_BROKER_TRANSPORT_OPTIONS") or "{}"),
        service_url=known["COUNTERSIGN_SERVICE_URL"].rstrip("/"),
        permit_keys_dir=_folder(known.get("PERMIT_KEYS_DIR")),
        key_file=Path(known.get("WORKER_KEY_FILE") or "var/gpu_worker/key"),
        public_keys_dir=_folder(known.get("WORKER_PUBLIC_KEYS_DIR")),
        scratch_dir=scratch_folder(),
        encoder=known.get("WORKER_ENCODER", "libx264"),
        beat_period_s=float(known.get("WORKER_BEAT_PERIOD_S", "0.5")),
        job_seconds_max=float(known.get("WORKER_JOB_SECONDS_MAX", "3000")),
    )


def scratch_folder() -> Path:
    """Return the folder where outputs lie until they are handed in."""
    return _folder(os.environ.get("WORKER_SCRATCH_DIR")) or _memory_folder()


def _folder(value: str | None) -> Path | None:
    return Path(value) if value else None


def _memory_folder() -> Path:
    """Return a folder in memory where the system has one, so that no output touches a disk."""
    memory = Path("/dev/shm")  # noqa: S108 -- private folders are made inside, mode 0700.
    return memory if os.access(memory, os.W_OK) else Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108  # As above.
