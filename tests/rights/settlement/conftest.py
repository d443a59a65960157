"""A stand-in for Stripe, on loopback, fresh for each test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import settlement
from tests.factories.settlement import World


@pytest.fixture
def world(tmp_path: Path, settings: Any) -> Iterator[World]:
    """A running stand-in; the settings lead to it."""
    with settlement.world(tmp_path) as found:
        settings.STRIPE_API_BASE = found.base_url
        settings.STRIPE_RETRIES_MAX = 0
        yield found
