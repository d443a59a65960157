"""A released video, and copies of it that lost something."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.cache import cache

from ledger.accounts.models import Account
from provenance.renders import files, finishing
from provenance.renders.models import Render
from tests.factories import marks
from tests.factories import renders as make
from tests.provenance.renders.conftest import render_settings

__all__ = ["render_settings"]


@pytest.fixture(autouse=True)
def no_one_asked_before() -> None:
    """Throttles count in the cache."""
    cache.clear()


@pytest.fixture
def ada() -> Account:
    """Whose likeness is in the video."""
    return make.person("ada")


@pytest.fixture
def ben() -> Account:
    """Who asked for the video."""
    return make.person("ben")


@pytest.fixture
def released(ada: Account, ben: Account, render_settings: None) -> Render:
    """A released render of two seconds."""
    render = make.sealing(ben, make.cameo(ada))
    finishing.finish(render_id=render.pk)
    found = Render.objects.select_related("use").get(pk=render.pk)
    assert found.state == "released"
    return found


@pytest.fixture
def sealed_file(released: Render, tmp_path: Path) -> Path:
    """A copy of its sealed file, as somebody downloaded it."""
    target = tmp_path / "download.mp4"
    shutil.copy(files.path_of(released.sealed_path), target)
    return target


@pytest.fixture
def stripped(sealed_file: Path, tmp_path: Path) -> Path:
    """The video, encoded again by somebody: no manifest is left."""
    return marks.changed(sealed_file, tmp_path / "stripped.mp4", crf=28)


@pytest.fixture
def unrelated(tmp_path: Path, settings: LazySettings) -> Path:
    """A video that was never here."""
    return marks.video(tmp_path / "other.mp4", seconds=2, payload=None, text=None, seed=99)
