"""Development keys: made once, renewed in time, rotated without breaking what was sealed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography import x509
from django.core.management import CommandError, call_command
from django.test import override_settings

from provenance.seals import actions, issuing, keystore, signers, verification
from provenance.seals.errors import (
    CertificateForDevelopment,
    CertificateKeyMismatch,
    SealUnavailable,
)
from provenance.seals.verification import SealState
from tests.conftest import NOON
from tests.factories import seals

PROJECT_DIR = Path(__file__).resolve().parents[3]
DAY = timedelta(days=1)


class TestProvide:
    def test_makes_keys_that_sign_and_stamp(self, tmp_path: Path) -> None:
        assert keystore.provide(tmp_path, at=NOON) == ("root", "leaf", "tsa")

        assert signers.load(tmp_path, time_stamp_url="", at=NOON).chain
        assert keystore.time_stamping_authority(tmp_path, at=NOON).chain

    def test_lets_nobody_else_read_them(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"

        keystore.provide(folder, at=NOON)

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    def test_does_nothing_the_second_time(self, tmp_path: Path) -> None:
        keystore.provide(tmp_path, at=NOON)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

        assert keystore.provide(tmp_path, at=NOON + 300 * DAY) == ()
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_renews_leaves_in_their_last_thirty_days(self, tmp_path: Path) -> None:
        keystore.provide(tmp_path, at=NOON)
        roots = (tmp_path / signers.TRUST).read_bytes()

        assert keystore.provide(tmp_path, at=NOON + 340 * DAY) == ("leaf", "tsa")
        assert (tmp_path / signers.TRUST).read_bytes() == roots
        assert signers.load(tmp_path, time_stamp_url="", at=NOON + 340 * DAY).chain

    def test_makes_a_leaf_again_whose_key_is_another(self, tmp_path: Path) -> None:
        keystore.provide(tmp_path, at=NOON)
        (tmp_path / signers.LEAF_KEY).write_bytes((tmp_path / "root.key").read_bytes())

        assert keystore.provide(tmp_path, at=NOON) == ("leaf",)

    def test_goes_on_after_a_crash_before_the_leaf(self, tmp_path: Path) -> None:
        keystore.provide(tmp_path, at=NOON)
        (tmp_path / signers.CHAIN).unlink()
        (tmp_path / keystore.TSA_KEY).unlink()

        assert keystore.provide(tmp_path, at=NOON) == ("leaf", "tsa")

    @pytest.mark.parametrize("what", ["leaf", "root"])
    def test_rotates_without_breaking_what_was_sealed(
        self, what: str, clip: Path, tmp_path: Path
    ) -> None:
        now = datetime.now(UTC)
        keys, sealed = tmp_path / "keys", tmp_path / "sealed.mp4"
        keystore.provide(keys, at=now)
        with override_settings(C2PA_KEYS_DIR=keys, TSA_URL=""):
            actions.seal(
                source=clip,
                target=sealed,
                request=seals.request(),
                signer=signers.from_settings(),
            )
            before = signers.from_settings().chain[0]

            made = keystore.provide(keys, at=now, rotate=what)

            assert what in made
            assert signers.from_settings().chain[0] != before
            assert verification.verify(sealed).state is SealState.TRUSTED


class TestTimeStampingAuthority:
    def test_says_which_file_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(SealUnavailable):
            keystore.time_stamping_authority(tmp_path, at=NOON)

    def test_refuses_the_key_of_another(self, tmp_path: Path) -> None:
        keystore.provide(tmp_path, at=NOON)
        (tmp_path / keystore.TSA_KEY).write_bytes((tmp_path / signers.LEAF_KEY).read_bytes())

        with pytest.raises(CertificateKeyMismatch):
            keystore.time_stamping_authority(tmp_path, at=NOON)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Path]:
    with override_settings(C2PA_KEYS_DIR=tmp_path / "keys", TSA_URL=""):
        yield tmp_path / "keys"


class TestFromSettings:
    def test_seals_in_production_with_no_certificate_of_our_own_making(self, keys: Path) -> None:
        keystore.provide(keys, at=datetime.now(UTC))

        with override_settings(IS_PRODUCTION=True), pytest.raises(CertificateForDevelopment):
            signers.from_settings()

    def test_wants_a_time_stamp_authority_in_production(self, keys: Path) -> None:
        keystore.provide(keys, at=datetime.now(UTC))
        root = _issue_elsewhere(keys)

        with override_settings(IS_PRODUCTION=True), pytest.raises(SealUnavailable) as caught:
            signers.from_settings()
        with override_settings(IS_PRODUCTION=True, TSA_URL="https://tsa.example.com"):
            assert signers.from_settings().chain[-1].issuer == root.subject

        assert caught.value.members == {"missing": "TSA_URL"}


def _issue_elsewhere(keys: Path) -> x509.Certificate:
    """Put a leaf of an authority that is not ours into the folder. Returns its root."""
    at = datetime.now(UTC)
    root = issuing.issue_root(name="Elsewhere", at=at, organisation="Elsewhere")
    leaf = issuing.issue_claim_leaf(root, name="Seal", at=at, organisation="Elsewhere")
    (keys / signers.TRUST).write_bytes(root.certificate_pem)
    (keys / signers.CHAIN).write_bytes(leaf.certificate_pem)
    (keys / signers.LEAF_KEY).write_bytes(leaf.key_pem)
    return root.certificate


class TestMakeCertificates:
    def test_makes_them_once(self, keys: Path) -> None:
        said = StringIO()

        call_command("make_certificates", stdout=said)
        call_command("make_certificates", stdout=said)

        assert said.getvalue().splitlines() == [
            "certificates: root leaf tsa",
            "certificates: nothing to do",
        ]
        assert (keys / signers.CHAIN).exists()

    def test_refuses_in_production(self, keys: Path) -> None:
        with override_settings(IS_PRODUCTION=True), pytest.raises(CommandError):
            call_command("make_certificates")

        assert not keys.exists()

    def test_refuses_to_go_on_with_authorities_that_do_not_fit(self, keys: Path) -> None:
        call_command("make_certificates", stdout=StringIO())
        (keys / "intermediate.key").write_bytes((keys / "root.key").read_bytes())

        with pytest.raises(CommandError, match="certificate-key-mismatch"):
            call_command("make_certificates", rotate="leaf")


class TestServeTsa:
    def test_stamps_until_it_is_told_to_stop(self, keys: Path) -> None:
        keystore.provide(keys, at=datetime.now(UTC))
        environment = {
            **os.environ,
            "C2PA_KEYS_DIR": str(keys),
            "DATABASE_URL": "postgres://nobody@/nowhere",
        }

        with subprocess.Popen(
            [sys.executable, "manage.py", "serve_tsa", "--listen", "127.0.0.1:0"],
            cwd=PROJECT_DIR, env=environment, stdout=subprocess.PIPE, text=True,
        ) as server:  # fmt: skip
            try:
                assert server.stdout is not None
                assert server.stdout.readline().startswith("tsa: ready on 127.0.0.1:")
            finally:
                server.send_signal(signal.SIGTERM)

            assert server.wait(timeout=10) == 0

    @pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:x", "0.0.0.0:0", "127.0.0.1:99999"])
    def test_refuses_what_is_no_address_of_loopback(self, listen: str, keys: Path) -> None:
        keystore.provide(keys, at=datetime.now(UTC))

        with pytest.raises(CommandError):
            call_command("serve_tsa", listen=listen)

    def test_refuses_in_production(self, keys: Path) -> None:
        with override_settings(IS_PRODUCTION=True), pytest.raises(CommandError):
            call_command("serve_tsa")

    def test_refuses_without_certificates(self, keys: Path) -> None:
        with pytest.raises(CommandError, match="seal-unavailable"):
            call_command("serve_tsa", listen="127.0.0.1:0")


class TestVerifySeal:
    def run(self, path: Path) -> tuple[dict[str, object], int]:
        said = StringIO()
        try:
            call_command("verify_seal", str(path), stdout=said)
        except CommandError as exc:
            return json.loads(said.getvalue() or "{}"), exc.returncode
        return json.loads(said.getvalue()), 0

    def test_tells_ours_from_none_and_from_broken(
        self, keys: Path, clip: Path, tmp_path: Path
    ) -> None:
        keystore.provide(keys, at=datetime.now(UTC))
        sealed, broken = tmp_path / "sealed.mp4", tmp_path / "broken.mp4"
        actions.seal(
            source=clip, target=sealed, request=seals.request(), signer=signers.from_settings()
        )
        data = bytearray(sealed.read_bytes())
        data[data.index(b"mdat") + 900] ^= 1
        broken.write_bytes(data)

        assert self.run(sealed)[1] == 0
        assert self.run(clip)[1] == 1
        assert self.run(broken)[1] == 2
        assert self.run(tmp_path / "missing.mp4") == ({}, 2)
        said = self.run(sealed)[0]
        assert said["state"] == "trusted"
        assert said["findings"] == ["signature.time-stamped"]
        assert said["problems"] == []
