"""The roots that anybody may fetch to check a seal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import override_settings

from provenance.seals import certificates, keystore, signers
from tests.factories import accounts


@pytest.mark.parametrize("name", ["trust.pem", "tsa.pem"])
class TestRoots:
    def test_are_there_for_everybody_and_hold_no_key(self, name: str, tmp_path: Path) -> None:
        keystore.provide(tmp_path, at=datetime.now(UTC))

        with override_settings(C2PA_KEYS_DIR=tmp_path):
            answer = accounts.client_of(None).get(f"/api/v1/seals/{name}", HTTP_ACCEPT="image/png")

        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/x-pem-file"
        assert answer.content == (tmp_path / name).read_bytes()
        assert b"PRIVATE" not in answer.content
        assert len(certificates.parse(answer.content)) == 1

    def test_are_unavailable_before_there_are_any(self, name: str, tmp_path: Path) -> None:
        with override_settings(C2PA_KEYS_DIR=tmp_path):
            answer = accounts.client_of(None).get(f"/api/v1/seals/{name}")

        assert answer.status_code == 503
        assert answer.json()["code"] == "seal-unavailable"


def test_the_names_are_those_of_the_files() -> None:
    assert (signers.TRUST, signers.TSA_TRUST) == ("trust.pem", "tsa.pem")
