"""What every test may use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    """A fixed moment; time is an argument."""
    return NOON
