"""Videos that several tests look at; each is made once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.marks import reading
from tests.factories import marks


@pytest.fixture(scope="session")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A marked video of 3 seconds at 640 x 360."""
    return marks.video(tmp_path_factory.mktemp("marks") / "marked.mp4")


@pytest.fixture(scope="session")
def unmarked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same video without marks."""
    path = tmp_path_factory.mktemp("marks") / "unmarked.mp4"
    return marks.video(path, payload=None, text=None)


@pytest.fixture(scope="session")
def marked_reading(marked: Path) -> reading.Reading:
    """What the child process says of the marked video."""
    return reading.read(marked)


@pytest.fixture(scope="session")
def unmarked_reading(unmarked: Path) -> reading.Reading:
    """What the child process says of the unmarked video."""
    return reading.read(unmarked)


@pytest.fixture(scope="session")
def marked_at_720_lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A marked video of 2 seconds at 1280 x 720."""
    path = tmp_path_factory.mktemp("marks") / "marked-720.mp4"
    return marks.video(path, seconds=2, width_px=1280, height_px=720)
