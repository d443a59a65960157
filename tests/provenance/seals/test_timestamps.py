"""The development time-stamp authority: what it answers, refuses, and survives."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from asn1crypto import cms, tsp
from hypothesis import given
from hypothesis import strategies as st

from provenance.seals import timestamps, tsa
from provenance.seals.errors import ManifestMalformed
from tests.conftest import NOON
from tests.factories import seals
from tests.factories.seals import Authorities

KNOWN = seals.make_authorities(NOON)
DIGEST = hashlib.sha256(b"claim").digest()


def query(**said: Any) -> bytes:
    algorithm = said.pop("algorithm", "sha256")
    fields: dict[str, Any] = {
        "version": said.pop("version", 1),
        "message_imprint": {
            "hash_algorithm": {"algorithm": algorithm},
            "hashed_message": said.pop("digest", DIGEST),
        },
        "nonce": 42,
        "cert_req": True,
    }
    return bytes(tsp.TimeStampReq(fields | said).dump())


def answer(request: bytes) -> bytes:
    return timestamps.answer(request, authority=KNOWN.time_stamps, at=NOON)


def failure(reply: bytes) -> set[str]:
    """Return the failures of a rejection; it must be one."""
    parsed = timestamps._Rejection.load(reply)
    assert parsed["status"]["status"].native == "rejection"
    return set(parsed["status"]["fail_info"].native)


def statement(reply: bytes) -> tsp.TSTInfo:
    token = tsp.TimeStampResp.load(reply)["time_stamp_token"]
    return token["content"]["encap_content_info"]["content"].parsed


class TestAnswer:
    def test_stamps_the_very_digest_with_the_very_nonce(self) -> None:
        said = statement(answer(query()))

        assert said["message_imprint"]["hashed_message"].native == DIGEST
        assert said["nonce"].native == 42
        assert said["gen_time"].native == NOON
        assert said["policy"].native == timestamps.POLICY

    def test_gives_each_token_a_number_of_its_own(self) -> None:
        serials = {statement(answer(query()))["serial_number"].native for _ in range(20)}

        assert len(serials) == 20

    def test_leaves_out_a_nonce_that_was_not_sent(self) -> None:
        request = tsp.TimeStampReq(
            {
                "version": 1,
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": DIGEST,
                },
            }
        ).dump()

        assert statement(answer(request))["nonce"].native is None

    @pytest.mark.parametrize(
        ("request_", "expected"),
        [
            (b"", "bad_data_format"),
            (b"not ASN.1", "bad_data_format"),
            (query()[:-1], "bad_data_format"),
            (query() + b"\x00", "bad_data_format"),
            (b"\x30\x80" + query(), "bad_data_format"),
            (query(digest=DIGEST[:-1]), "bad_data_format"),
            (query(digest=b""), "bad_data_format"),
            (query(algorithm="sha1", digest=bytes(20)), "bad_alg"),
            (query(algorithm="md5", digest=bytes(16)), "bad_alg"),
            (query(req_policy="1.2.3.4"), "unaccepted_policy"),
            (
                query(extensions=[{"extn_id": "1.2.3.4", "critical": True, "extn_value": b"x"}]),
                "unaccepted_extensions",
            ),
            (query(nonce=1 << 600), "bad_request"),
            (bytes(timestamps.REQUEST_SIZE_BYTES_MAX + 1), "bad_request"),
        ],
    )
    def test_rejects_what_it_does_not_stamp(self, request_: bytes, expected: str) -> None:
        assert failure(answer(request_)) == {expected}

    @given(st.binary(max_size=120))
    def test_answers_any_bytes(self, body: bytes) -> None:
        assert answer(body)

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
    def test_convinces_openssl(self, tmp_path: Path) -> None:
        (tmp_path / "query").write_bytes(query())
        (tmp_path / "reply").write_bytes(answer(query()))
        (tmp_path / "root.pem").write_bytes(KNOWN.time_root.certificate_pem)

        ran = subprocess.run(
            [
                "openssl", "ts", "-verify", "-queryfile", "query", "-in", "reply",
                "-CAfile", "root.pem", "-attime", str(int(NOON.timestamp())),
            ],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip

        assert ran.returncode == 0, ran.stderr
        assert "Verification: OK" in ran.stdout


class TestReadToken:
    def token(self) -> bytes:
        return bytes(tsp.TimeStampResp.load(answer(query()))["time_stamp_token"].dump())

    def test_tells_when_and_who(self) -> None:
        stamp = timestamps.read_token(self.token())

        assert stamp.at == NOON
        assert stamp.chain == (KNOWN.time_leaf.certificate,)

    def test_orders_certificates_from_the_signer_up(self) -> None:
        both = (KNOWN.time_leaf.certificate, KNOWN.time_root.certificate)
        authority = timestamps.Authority(both[::-1], KNOWN.time_leaf.key)
        request = timestamps._read(query())
        content = timestamps._token(request, authority=authority, at=NOON)
        signer = content["content"]["signer_infos"][0]["sid"].chosen
        signer["serial_number"] = both[0].serial_number

        stamp = timestamps.read_token(content.dump(force=True))

        assert stamp.chain == both

    @pytest.mark.parametrize(
        "data", [b"", b"\x30\x00", b"x" * 100, bytes(timestamps.TOKEN_SIZE_BYTES_MAX + 1)]
    )
    def test_refuses_what_is_no_token(self, data: bytes) -> None:
        with pytest.raises(ManifestMalformed):
            timestamps.read_token(data)

    def test_refuses_a_token_without_its_signers_certificate(self) -> None:
        content = cms.ContentInfo.load(self.token())
        content["content"]["certificates"] = []

        with pytest.raises(ManifestMalformed):
            timestamps.read_token(content.dump(force=True))

    def test_answers_or_refuses_any_changed_token(self) -> None:
        token = self.token()

        for at in range(0, len(token), 7):
            changed = bytearray(token)
            changed[at] ^= 0x41
            with contextlib.suppress(ManifestMalformed):
                timestamps.read_token(bytes(changed))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with seals.time_stamping(KNOWN) as address:
        yield address


class TestServer:
    def post(self, url: str, body: bytes, **headers: str) -> requests.Response:
        sent = {"Content-Type": tsa.QUERY_TYPE} | headers
        return requests.post(url, data=body, headers=sent, timeout=5)

    def test_answers_a_request(self, url: str) -> None:
        reply = self.post(url, query())

        assert reply.status_code == 200
        assert reply.headers["Content-Type"] == tsa.REPLY_TYPE
        assert statement(reply.content)["nonce"].native == 42

    def test_answers_malformed_requests_with_a_rejection(self, url: str) -> None:
        reply = self.post(url, b"not ASN.1")

        assert reply.status_code == 200
        assert failure(reply.content) == {"bad_data_format"}

    def test_refuses_another_type(self, url: str) -> None:
        assert self.post(url, query(), **{"Content-Type": "text/plain"}).status_code == 415

    def test_refuses_too_much_before_reading_it(self, url: str) -> None:
        assert self.post(url, bytes(timestamps.REQUEST_SIZE_BYTES_MAX + 1)).status_code == 413

    def test_refuses_a_body_without_a_length(self, url: str) -> None:
        def parts() -> Any:
            yield query()

        reply = requests.post(
            url, data=parts(), headers={"Content-Type": tsa.QUERY_TYPE}, timeout=5
        )

        assert reply.status_code == 411

    def test_refuses_other_methods(self, url: str) -> None:
        assert requests.get(url, timeout=5).status_code == 501

    def test_serves_others_while_one_stalls(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as stalling:
            stalling.sendall(b"POST / HTTP/1.1\r\nContent-Le")

            assert self.post(url, query()).status_code == 200

    def test_turns_away_more_than_its_places(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        held = [socket.create_connection((host, int(port))) for _ in range(tsa.CONNECTIONS_MAX)]
        for connection in held:
            connection.sendall(b"POST / HTTP/1.1\r\n")
        try:
            with pytest.raises(requests.ConnectionError):
                self.post(url, query())
        finally:
            for connection in held:
                connection.close()

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
    def test_listens_on_loopback_only(self, host: str) -> None:
        with pytest.raises(ValueError, match=host.replace(".", r"\.")):
            tsa.make_server(host, 0, authority=KNOWN.time_stamps)


def test_a_stamp_of_another_moment_says_so(known: Authorities) -> None:
    later = NOON + timedelta(days=1)
    reply = timestamps.answer(query(), authority=known.time_stamps, at=later)

    assert statement(reply)["gen_time"].native == later


def test_many_at_once_are_all_answered() -> None:
    with seals.time_stamping(KNOWN) as url:
        codes: list[int] = []
        sent = {"Content-Type": tsa.QUERY_TYPE}

        def ask() -> None:
            codes.append(requests.post(url, data=query(), headers=sent, timeout=10).status_code)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert codes == [200] * 8
