"""A receipt, the secrets of a redemption, and keys: what is signed or named is what is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gpu_worker.contract import errors, jws, keys, permit, receipt, redemption
from gpu_worker.contract.errors import (
    ReceiptKeyUnknown,
    ReceiptMalformed,
    ReceiptSignature,
    RedemptionMalformed,
)
from gpu_worker.contract.receipt import Receipt
from tests.factories import worker

KEY, KID = worker.signing_key()
KEYS = {KID: KEY.public_key()}
RECEIPT = Receipt(
    render_id=uuid4(), attempt_id=uuid4(), job_sha256="0" * 64, output_sha256="1" * 64,
    output_size_bytes=1000, backend="studio", backend_version="1.0", model="countersign/studio",
    weights_sha256="", device="cpu", encoder="libx264", frames=25, fps=25, width_px=320,
    height_px=180, has_audio=True, seconds_taken=1.5, preferences_applied=("p1:pronouns",),
    marks=("visible", "invisible"), at=datetime(2026, 6, 1, 12, tzinfo=UTC),
)  # fmt: skip


class TestReceipt:
    def test_says_what_was_signed(self) -> None:
        assert receipt.verify(receipt.sign(RECEIPT, KEY, KID), keys=KEYS) == RECEIPT

    def test_a_strangers_is_not_known(self) -> None:
        stranger, name = worker.signing_key()

        with pytest.raises(ReceiptKeyUnknown):
            receipt.verify(receipt.sign(RECEIPT, stranger, name), keys=KEYS)
        with pytest.raises(ReceiptSignature):
            receipt.verify(receipt.sign(RECEIPT, stranger, KID), keys=KEYS)

    def test_a_permit_is_no_receipt(self) -> None:
        token = worker.permit_for(worker.job(), key=KEY)

        with pytest.raises(ReceiptMalformed):
            receipt.verify(token, keys=KEYS)

    @pytest.mark.parametrize(
        "changes",
        [
            {"v": 2}, {"frames": 0}, {"output_sha256": "x"}, {"weights_sha256": "x"},
            {"has_audio": 1}, {"at": "now"}, {"marks": "visible"}, {"seconds_taken": -1}, {"more": 1},
        ],
    )  # fmt: skip
    def test_other_members_are_refused_although_rightly_signed(self, changes: Any) -> None:
        token = receipt.sign(RECEIPT, KEY, KID)
        payload = {**jws.verify(token, keys=KEYS, kind=receipt.KIND), **changes}

        with pytest.raises(ReceiptMalformed):
            receipt.verify(jws.sign(payload, key=KEY, kid=KID, kind=receipt.KIND), keys=KEYS)

    def test_one_that_is_too_long_for_a_header_is_refused(self) -> None:
        long = replace(RECEIPT, preferences_applied=tuple("x" * 119 for _ in range(64)))

        with pytest.raises(ReceiptMalformed):
            receipt.verify(receipt.sign(long, KEY, KID), keys=KEYS)


class TestRedemption:
    job = worker.job(
        cast=(worker.member("a"), worker.member("b", in_parent=True)), parent_sha256="0" * 64
    )
    secrets = redemption.Redemption({"a": b"\x01" * 32}, b"\x02" * 32, b"\x03" * 8)

    def test_returns_the_secrets_that_the_job_needs(self) -> None:
        plain = redemption.to_plain(self.secrets)

        assert redemption.from_plain(plain, job=self.job) == self.secrets

    @pytest.mark.parametrize(
        "changes",
        [
            {"v": 2}, {"more": 1}, {"capture_keys": {}}, {"capture_keys": {"a": "AA"}},
            {"capture_keys": {"b": "A" * 43}}, {"mark_key": ""}, {"mark_payload": "AAAA"},
            {"mark_key": 5}, {"capture_keys": {"a": "!" * 43}},
        ],
    )  # fmt: skip
    def test_refuses_fewer_more_or_other_ones(self, changes: Any) -> None:
        plain = {**redemption.to_plain(self.secrets), **changes}

        with pytest.raises(RedemptionMalformed):
            redemption.from_plain(plain, job=self.job)

    def test_shows_no_secret_when_printed(self) -> None:
        assert "\\x01" not in repr(self.secrets)
        assert "\\x02" not in repr(self.secrets)


class TestKeys:
    def test_a_jwk_set_and_a_folder_name_the_same_keys(self, tmp_path: Path) -> None:
        (tmp_path / "a.pem").write_bytes(keys.to_pem(KEY.public_key()))

        assert list(keys.from_jwks(keys.to_jwks([KEY.public_key()]))) == [KID]
        assert list(keys.from_folder(tmp_path)) == [KID]

    def test_a_thumbprint_is_that_of_rfc_8037(self) -> None:
        """RFC 8037, appendix A.3."""
        row = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

        assert list(keys.from_jwks({"keys": [row]})) == [
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        ]

    def test_other_kinds_are_left_out_of_a_jwk_set_and_refused_in_a_folder(
        self, tmp_path: Path
    ) -> None:
        other = generate_private_key(SECP256R1()).public_key()
        pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "a.pem").write_bytes(pem)

        assert keys.from_jwks({"keys": [{"kty": "EC", "crv": "P-256"}]}) == {}
        with pytest.raises(ValueError, match=r"a\.pem"):
            keys.from_folder(tmp_path)

    @pytest.mark.parametrize(
        "document",
        [
            None, [], {}, {"keys": {}}, {"keys": [{}] * 65},
            {"keys": [{"kty": "OKP", "crv": "Ed25519"}]},
            {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]},
            {"keys": [{**keys.to_jwks([KEY.public_key()])["keys"][0], "kid": "another"}]},
        ],
    )  # fmt: skip
    def test_what_is_no_jwk_set_is_refused(self, document: Any) -> None:
        with pytest.raises(ValueError, match=r"."):
            keys.from_jwks(document)


class TestByCode:
    def test_knows_every_permanent_code_of_adr_4(self) -> None:
        promised = {
            "permit-malformed", "permit-signature", "permit-key-unknown", "permit-expired",
            "permit-not-yet-valid", "permit-job-mismatch", "permit-too-long", "permit-too-large",
            "permit-redeemed", "cancelled", "capture-unreadable", "backend-failed",
            "deadline-passed",
        }  # fmt: skip

        assert promised <= set(errors.by_code())
        assert all(kind.code == code and kind.title for code, kind in errors.by_code().items())
        assert permit.KIND != receipt.KIND
