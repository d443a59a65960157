from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.api.world import World
from tests.provenance.renders.conftest import render_settings

__all__ = ["render_settings"]


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> Iterator[None]:
    """Rate limits are counted in the process's cache."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def world(db: None) -> World:
    """One person's things, and a stranger."""
    return World()
