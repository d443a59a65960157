"""A capture's encryption: nothing changed, lost, moved or borrowed goes unnoticed."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest

from gpu_worker.contract import capture
from gpu_worker.contract.errors import CaptureUnreadable

KEY = b"\x01" * 32
CONTEXT = b"this job"
SEALED = capture.CHUNK_SIZE_BYTES + capture.TAG_SIZE_BYTES
HEADER = len(capture.MAGIC) + capture.PREFIX_SIZE_BYTES


class Trickle:
    """A reader that gives one byte to a thousand at a time, as sockets do."""

    def __init__(self, data: bytes) -> None:
        self._buffer, self._turn = io.BytesIO(data), 0

    def read(self, size: int, /) -> bytes:
        self._turn = self._turn * 7 % 1000 + 1
        return self._buffer.read(min(size, self._turn))


def encrypted(data: bytes, *, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(capture.encrypt(io.BytesIO(data), key, context))


def decrypted(data: bytes, *, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(capture.decrypt(io.BytesIO(data), key, context))


def three_chunks() -> bytes:
    return bytes(range(256)) * (3 * capture.CHUNK_SIZE_BYTES // 256)


class TestDecrypt:
    @pytest.mark.parametrize(
        "size",
        [0, 1, capture.CHUNK_SIZE_BYTES - 1, capture.CHUNK_SIZE_BYTES, capture.CHUNK_SIZE_BYTES + 1,
         3 * capture.CHUNK_SIZE_BYTES],
    )  # fmt: skip
    def test_returns_what_was_encrypted(self, size: int) -> None:
        data = bytes(index % 251 for index in range(size))

        assert decrypted(encrypted(data)) == data

    def test_reads_from_a_slow_source(self) -> None:
        data = three_chunks()[:100_000]

        assert b"".join(capture.decrypt(Trickle(encrypted(data)), KEY, CONTEXT)) == data

    def test_two_encryptions_are_never_alike(self) -> None:
        assert encrypted(b"same") != encrypted(b"same")

    @pytest.mark.parametrize("missing", [1, 16, 17, SEALED, SEALED + 1, 2 * SEALED])
    def test_a_cut_end_is_noticed(self, missing: int) -> None:
        with pytest.raises(CaptureUnreadable):
            decrypted(encrypted(three_chunks())[:-missing])

    def test_a_lost_last_chunk_is_noticed_although_all_others_are_whole(self) -> None:
        whole = encrypted(three_chunks())

        with pytest.raises(CaptureUnreadable):
            decrypted(whole[: HEADER + 2 * SEALED])

    def test_chunks_in_another_order_are_noticed(self) -> None:
        whole = encrypted(three_chunks())
        first, second = whole[HEADER : HEADER + SEALED], whole[HEADER + SEALED :][:SEALED]

        with pytest.raises(CaptureUnreadable):
            decrypted(whole[:HEADER] + second + first + whole[HEADER + 2 * SEALED :])

    def test_a_repeated_chunk_is_noticed(self) -> None:
        whole = encrypted(three_chunks())
        first = whole[HEADER : HEADER + SEALED]

        with pytest.raises(CaptureUnreadable):
            decrypted(whole[: HEADER + SEALED] + first + whole[HEADER + SEALED :])

    @pytest.mark.parametrize("place", [0, 6, 12, 13, 500, SEALED, -1])
    def test_a_changed_byte_is_noticed(self, place: int) -> None:
        data = bytearray(encrypted(three_chunks()))
        data[place] ^= 1

        with pytest.raises(CaptureUnreadable):
            decrypted(bytes(data))

    def test_more_after_the_end_is_noticed(self) -> None:
        with pytest.raises(CaptureUnreadable):
            decrypted(encrypted(b"a") + b"b")

    def test_another_key_or_job_does_not_open_it(self) -> None:
        with pytest.raises(CaptureUnreadable):
            decrypted(encrypted(b"a"), key=b"\x02" * 32)
        with pytest.raises(CaptureUnreadable):
            decrypted(encrypted(b"a"), context=b"another job")

    @pytest.mark.parametrize("data", [b"", b"CSCAP", b"CSCAP\x02" + b"0" * 60, b"0" * 100])
    def test_what_is_no_capture_is_refused(self, data: bytes) -> None:
        with pytest.raises(CaptureUnreadable):
            decrypted(data)


class TestContext:
    def test_tells_jobs_attempts_and_people_apart(self) -> None:
        render_id, attempt_id = uuid4(), uuid4()
        own = capture.context(render_id=render_id, attempt_id=attempt_id, cameo_ref="a")

        assert own != capture.context(render_id=render_id, attempt_id=attempt_id, cameo_ref="b")
        assert own != capture.context(render_id=render_id, attempt_id=uuid4(), cameo_ref="a")
        assert own != capture.context(render_id=uuid4(), attempt_id=attempt_id, cameo_ref="a")


class TestDecryptInto:
    def test_writes_it_all_and_says_how_much(self) -> None:
        target = io.BytesIO()

        size = capture.decrypt_into(
            target, reader=io.BytesIO(encrypted(b"abc")), key=KEY, context=CONTEXT
        )

        assert (size, target.getvalue()) == (3, b"abc")
