"""The worker's key: made once, private, and published under its own name."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gpu_worker import identity
from gpu_worker.contract import keys


class TestLoad:
    def test_makes_a_key_once_that_only_its_owner_can_read(self, tmp_path: Path) -> None:
        path = tmp_path / "worker" / "key"

        first, second = identity.load(path), identity.load(path)

        assert first.private_bytes_raw() == second.private_bytes_raw()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert list(path.parent.iterdir()) == [path]

    def test_refuses_another_kind_of_key(self, tmp_path: Path) -> None:
        other = generate_private_key(SECP256R1())
        path = tmp_path / "key"
        path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

        with pytest.raises(ValueError, match="Ed25519"):
            identity.load(path)


class TestPublish:
    def test_writes_the_public_half_under_its_thumbprint(self, tmp_path: Path) -> None:
        key = identity.load(tmp_path / "key")

        path = identity.publish(key, folder=tmp_path / "public")
        identity.publish(key, folder=tmp_path / "public")

        name = keys.key_id(key.public_key())
        assert path.name == f"{name}.pem"
        assert list(keys.from_folder(tmp_path / "public")) == [name]
        assert list((tmp_path / "public").iterdir()) == [path]
