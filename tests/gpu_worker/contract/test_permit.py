"""Every way in which a permit can be wrong."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gpu_worker.contract import canonical, jws, permit, receipt
from gpu_worker.contract import job as jobs
from gpu_worker.contract.errors import (
    PermitExpired,
    PermitJobMismatch,
    PermitKeyUnknown,
    PermitMalformed,
    PermitNotYetValid,
    PermitSignature,
    PermitTooLarge,
    PermitTooLong,
)
from gpu_worker.contract.permit import CastEpoch, PermitClaims
from tests.factories import worker

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY, KID = worker.signing_key()
KEYS = {KID: KEY.public_key()}
JOB = worker.job()


def signed(**changes: Any) -> str:
    return worker.permit_for(JOB, key=KEY, at=NOON, **changes)


def verify(token: str, *, job: jobs.Job = JOB, at: datetime = NOON) -> PermitClaims:
    return permit.verify(token, keys=KEYS, job=job, at=at)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def resigned(header: Any, payload: Any, *, key: Ed25519PrivateKey = KEY) -> str:
    """Return a token with any header and payload, rightly signed."""
    parts = f"{encoded(canonical.dump(header))}.{encoded(canonical.dump(payload))}"
    return f"{parts}.{encoded(key.sign(parts.encode()))}"


def payload_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


HEADER = {"alg": "EdDSA", "kid": KID, "typ": permit.KIND}


class TestVerify:
    def test_returns_what_was_signed(self) -> None:
        claims = verify(signed())

        assert claims.render_id == JOB.render_id
        assert claims.attempt_id == JOB.attempt_id
        assert claims.cast == (CastEpoch("person-1", 3),)
        assert claims.expires_at == NOON + timedelta(minutes=10)

    def test_holds_from_its_first_moment_and_not_at_its_last(self) -> None:
        token = signed()

        verify(token, at=NOON)
        verify(token, at=NOON + timedelta(minutes=9, seconds=59))
        with pytest.raises(PermitExpired):
            verify(token, at=NOON + timedelta(minutes=10))
        with pytest.raises(PermitNotYetValid):
            verify(token, at=NOON - timedelta(seconds=1))

    @pytest.mark.parametrize(
        "other",
        [
            replace(JOB, prompt="Something else"),
            replace(JOB, seed=JOB.seed + 1),
            replace(JOB, mark_text="Another service"),
            replace(JOB, cast=()),
            replace(JOB, cast=(replace(JOB.cast[0], epoch=4),)),
        ],
    )
    def test_is_refused_for_another_job(self, other: jobs.Job) -> None:
        with pytest.raises(PermitJobMismatch):
            verify(signed(), job=other)

    @pytest.mark.parametrize(
        "changes",
        [
            {"render_id": uuid4()},
            {"attempt_id": uuid4()},
            {"cast": (CastEpoch("person-1", 2),)},
            {"cast": (CastEpoch("person-2", 3),)},
            {"cast": ()},
        ],
    )
    def test_is_refused_when_its_own_words_differ_from_the_job(self, changes: Any) -> None:
        with pytest.raises(PermitJobMismatch):
            verify(signed(**changes))

    def test_is_refused_for_more_seconds_or_pixels_than_permitted(self) -> None:
        with pytest.raises(PermitTooLong):
            verify(signed(seconds_max=0.5))
        with pytest.raises(PermitTooLarge):
            verify(signed(pixels_max=320 * 180 - 1))

    def test_permits_less_than_its_bounds(self) -> None:
        verify(signed(seconds_max=60.0, pixels_max=1920 * 1080))


class TestRead:
    def test_any_changed_character_is_noticed(self) -> None:
        token = signed()
        for place in range(0, len(token), 7):
            letter = "A" if token[place] != "A" else "B"
            with pytest.raises((PermitMalformed, PermitSignature, PermitKeyUnknown)):
                permit.read(token[:place] + letter + token[place + 1 :], keys=KEYS)

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "none", "kid": KID, "typ": permit.KIND},
            {"alg": "HS256", "kid": KID, "typ": permit.KIND},
            {"alg": "eddsa", "kid": KID, "typ": permit.KIND},
            {"alg": "EdDSA", "kid": KID, "typ": receipt.KIND},
            {"alg": "EdDSA", "kid": KID},
            {"alg": "EdDSA", "kid": "../../etc", "typ": permit.KIND},
            {"alg": "EdDSA", "kid": 5, "typ": permit.KIND},
            {**HEADER, "crit": ["exp"]},
            {**HEADER, "jwk": {"kty": "OKP"}},
            {**HEADER, "b64": False},
            [HEADER],
            None,
        ],
    )
    def test_another_header_is_refused_although_rightly_signed(self, header: Any) -> None:
        with pytest.raises(PermitMalformed):
            permit.read(resigned(header, payload_of(signed())), keys=KEYS)

    def test_an_unsigned_token_is_refused(self) -> None:
        head, body, _ = signed().split(".")

        for token in (f"{head}.{body}.", f"{head}.{body}"):
            with pytest.raises((PermitMalformed, PermitSignature)):
                permit.read(token, keys=KEYS)

    def test_the_public_key_is_no_shared_secret(self) -> None:
        """Algorithm confusion: a MAC under the public key is not a signature."""
        import hmac
        from hashlib import sha256

        head, body, _ = signed().split(".")
        secret = KEY.public_key().public_bytes_raw()
        mac = hmac.digest(secret, f"{head}.{body}".encode(), sha256)

        with pytest.raises(PermitSignature):
            permit.read(f"{head}.{body}.{encoded(mac)}", keys=KEYS)

    def test_a_key_that_is_not_the_services_is_unknown(self) -> None:
        stranger, _ = worker.signing_key()

        with pytest.raises(PermitKeyUnknown):
            permit.read(worker.permit_for(JOB, key=stranger, at=NOON), keys=KEYS)
        with pytest.raises(PermitSignature):
            permit.read(resigned(HEADER, payload_of(signed()), key=stranger), keys=KEYS)

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "someone"}, {"render": "5"}, {"render": None}, {"jti": 5},
            {"cast": {}}, {"cast": [{"ref": "a"}]}, {"cast": [{"ref": "a b", "epoch": 1}]},
            {"cast": [{"ref": "a", "epoch": -1}]}, {"cast": [{"ref": "a", "epoch": True}]},
            {"cast": [{"ref": str(one), "epoch": 1} for one in range(9)]},
            {"job": "00"}, {"job": "Z" * 64}, {"seconds_max": "1"}, {"seconds_max": -1},
            {"seconds_max": 10_000}, {"pixels_max": 0}, {"pixels_max": 1.5}, {"nbf": "now"},
            {"exp": 1}, {"exp": 2**41}, {"more": 1},
            {"exp": int((NOON + timedelta(hours=25)).timestamp())},
        ],
    )  # fmt: skip
    def test_other_members_are_refused_although_rightly_signed(self, changes: Any) -> None:
        payload = {**payload_of(signed()), **changes}

        with pytest.raises(PermitMalformed):
            permit.read(resigned(HEADER, payload), keys=KEYS)

    @pytest.mark.parametrize("name", ["aud", "render", "jti", "cast", "job", "nbf", "exp"])
    def test_a_missing_member_is_refused(self, name: str) -> None:
        payload = payload_of(signed())
        del payload[name]

        with pytest.raises(PermitMalformed):
            permit.read(resigned(HEADER, payload), keys=KEYS)

    @pytest.mark.parametrize(
        "token",
        ["", ".", "..", "...", "a.b.c", "é.é.é", "=.=.=", "A" * 9000, f"{'e30'}.{'e30'}.{'e30'}"],
    )
    def test_what_is_no_token_is_refused(self, token: str) -> None:
        with pytest.raises(PermitMalformed):
            permit.read(token, keys=KEYS)

    def test_a_payload_that_is_not_canonical_is_refused(self) -> None:
        body = json.dumps(payload_of(signed()), indent=1).encode()
        parts = f"{encoded(canonical.dump(HEADER))}.{encoded(body)}"

        with pytest.raises(PermitMalformed):
            permit.read(f"{parts}.{encoded(KEY.sign(parts.encode()))}", keys=KEYS)

    def test_a_name_given_twice_is_refused(self) -> None:
        body = canonical.dump(payload_of(signed()))[:-1] + b',"aud":"gpu_worker"}'
        parts = f"{encoded(canonical.dump(HEADER))}.{encoded(body)}"

        with pytest.raises(PermitMalformed):
            permit.read(f"{parts}.{encoded(KEY.sign(parts.encode()))}", keys=KEYS)

    def test_stray_bits_in_base64_are_refused(self) -> None:
        head, body, signature = signed().split(".")
        last = signature[-1]
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        other = alphabet[alphabet.index(last) ^ 1]

        with pytest.raises(PermitMalformed):
            permit.read(f"{head}.{body}.{signature[:-1]}{other}", keys=KEYS)


class TestSign:
    def test_refuses_a_token_that_would_be_too_long(self) -> None:
        with pytest.raises(jws.Malformed):
            jws.sign({"a": "x" * 20_000}, key=KEY, kid=KID, kind=permit.KIND)

    def test_refuses_a_key_name_that_no_reader_takes(self) -> None:
        with pytest.raises(jws.Malformed):
            jws.sign({}, key=KEY, kid="a b", kind=permit.KIND)
