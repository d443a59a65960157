"""What tests of consent share: nobody else is told or asked unless a test names them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.factories import consent


@pytest.fixture(autouse=True)
def ours_alone(settings: Settings) -> Iterator[None]:
    """Use our own observer and licence source, and no prohibitions."""
    settings.CONSENT_USE_OBSERVERS = ["tests.factories.consent.remember"]
    settings.CONSENT_PROHIBITION_SOURCES = ["tests.factories.consent.forbids_names"]
    settings.CONSENT_LICENCE_SOURCE = "tests.factories.consent.licence_source"
    consent.told.clear()
    consent.licensed.clear()
    yield
    consent.told.clear()
    consent.licensed.clear()
