"""What the worker's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu_worker.settings import Settings
from tests.factories import worker
from tests.fakes import render_service
from tests.fakes.render_service import RenderService


@pytest.fixture
def service() -> Iterator[RenderService]:
    """A running stand-in for the service, with one person's capture."""
    with render_service.serving(captures={"person-1": worker.capture()}) as running:
        yield running


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Make the worker's settings for a service."""

    def make(service: RenderService, **changes: Any) -> Settings:
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        given: dict[str, Any] = {
            "broker_url": "memory://", "broker_options": {}, "service_url": service.url,
            "permit_keys_dir": None, "key_file": tmp_path / "worker" / "key",
            "public_keys_dir": tmp_path / "public", "scratch_dir": scratch,
            "encoder": "libx264", "beat_period_s": 0.2, "job_seconds_max": 60.0, **changes,
        }  # fmt: skip
        return Settings(**given)

    return make
