"""What every test may use."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    """A fixed moment; time is an argument."""
    return NOON


@pytest.fixture(autouse=True)
def own_log_folder(settings: Settings) -> None:
    """Each test's log is another one, so none may find the files that another published."""
    settings.LOG_PUBLIC_DIR = settings.VAR_DIR / "log" / uuid.uuid4().hex
