"""What tests of renders stand on: a folder of files, certificates, and small jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from provenance.seals import signers
from tests.factories import seals


@pytest.fixture(autouse=True)
def render_settings(settings: LazySettings, tmp_path: Path) -> None:
    """Give each test its own media folder, the test run's authorities, and twelve frames a second."""
    known = seals.authorities()
    folder = tmp_path / "c2pa"
    folder.mkdir()
    (folder / signers.CHAIN).write_bytes(
        known.leaf.certificate_pem + known.intermediate.certificate_pem
    )
    (folder / signers.LEAF_KEY).write_bytes(known.leaf.key_pem)
    (folder / signers.TRUST).write_bytes(known.root.certificate_pem)
    (folder / signers.TSA_TRUST).write_bytes(known.time_root.certificate_pem)
    settings.C2PA_KEYS_DIR = folder
    settings.TSA_URL = ""
    settings.RENDER_FPS = 12
    settings.WORKER_PUBLIC_KEYS_DIR = tmp_path / "workers"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
    }
