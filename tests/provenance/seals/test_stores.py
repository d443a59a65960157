"""Finding a manifest store in a file, and reading the little CBOR of its signature."""

from __future__ import annotations

import contextlib
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.seals import cbor, stores
from provenance.seals.errors import CertificateRefused, ManifestMalformed
from tests.factories import media
from tests.factories.seals import Authorities


class TestDecode:
    @pytest.mark.parametrize(
        ("data", "item"),
        [
            ("00", 0),
            ("1864", 100),
            ("1b000000e8d4a51000", 10**12),
            ("3863", -100),
            ("4401020304", b"\x01\x02\x03\x04"),
            ("6449455446", "IETF"),
            ("83010203", [1, 2, 3]),
            ("a201020304", {1: 2, 3: 4}),
            ("f4", False),
            ("f5", True),
            ("f6", None),
            ("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"),
            ("d28443a10126a0f640", [b"\xa1\x01\x26", {}, None, b""]),
        ],
    )
    def test_reads_the_examples_of_rfc_8949(self, data: str, item: Any) -> None:
        assert cbor.decode(bytes.fromhex(data)) == item

    @pytest.mark.parametrize(
        "data",
        [
            "",
            "18",
            "1c",
            "5f",
            "9f01ff",
            "bf",
            "44010203",
            "61ff",
            "8201",
            "a101",
            "a201020102",
            "a18000",
            "0000",
            "fb3ff199999999999a",
            "ff",
            "9b00ffffffffffffff",
            "81" * 40 + "00",
        ],
    )
    def test_refuses_what_is_malformed_or_beyond_its_little(self, data: str) -> None:
        with pytest.raises(ManifestMalformed):
            cbor.decode(bytes.fromhex(data))

    def test_refuses_more_than_a_mebibyte(self) -> None:
        with pytest.raises(ManifestMalformed):
            cbor.decode(bytes(cbor.SIZE_BYTES_MAX + 1))

    @given(st.binary(max_size=200))
    def test_answers_or_refuses_any_bytes(self, data: bytes) -> None:
        with contextlib.suppress(ManifestMalformed):
            cbor.decode(data)


class TestRead:
    def test_finds_none_where_none_is(self, clip: Path, tmp_path: Path) -> None:
        still = tmp_path / "a.jpg"
        still.write_bytes(media.jpeg())

        assert stores.read(clip) == b""
        assert stores.read(media.png(tmp_path / "a.png")) == b""
        assert stores.read(still) == b""

    @pytest.mark.parametrize(
        "box",
        [
            struct.pack(">I4s", 7, b"moov"),
            struct.pack(">I4s", 4000, b"moov"),
            struct.pack(">I4sQ", 1, b"moov", 3),
            struct.pack(">I4s", 1, b"moov"),
            b"\x00\x00",
        ],
    )
    def test_refuses_boxes_that_do_not_hold(self, box: bytes, tmp_path: Path) -> None:
        path = tmp_path / "bad.mp4"
        path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + box)

        with pytest.raises(ManifestMalformed):
            stores.read(path)

    def test_refuses_boxes_without_end(self, tmp_path: Path) -> None:
        path = tmp_path / "many.mp4"
        head = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
        path.write_bytes(head + struct.pack(">I4s", 8, b"free") * (stores.BOXES_MAX + 1))

        with pytest.raises(ManifestMalformed):
            stores.read(path)

    @given(st.binary(max_size=120), st.sampled_from(["mp4", "png", "jpg"]))
    def test_answers_or_refuses_any_bytes(self, body: bytes, kind: str) -> None:
        heads = {
            "mp4": struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0),
            "png": stores.PNG_SIGNATURE,
            "jpg": b"\xff\xd8\xff\xeb",
        }
        path = Path(_scratch()) / f"any.{kind}"
        path.write_bytes(heads[kind] + body)

        with contextlib.suppress(ManifestMalformed):
            stores.read(path)


class TestClaimSignature:
    def test_tells_the_chain_and_the_time_stamp(
        self, sealed_clip: Path, known: Authorities
    ) -> None:
        store = stores.read(sealed_clip)
        label = store[store.index(b"urn:c2pa:") :].partition(b"\x00")[0].decode()

        signature = stores.claim_signature(store, manifest_label=label)

        assert signature.chain == known.signer().chain
        assert signature.time_stamp

    @pytest.mark.parametrize("store", [b"", b"\x00" * 40, b"\x00\x00\x00\x10jumb" + b"\x00" * 8])
    def test_refuses_what_is_no_store(self, store: bytes) -> None:
        with pytest.raises(ManifestMalformed):
            stores.claim_signature(store, manifest_label="urn:c2pa:x")

    def test_answers_or_refuses_any_changed_store(self, sealed_clip: Path) -> None:
        store = stores.read(sealed_clip)
        label = store[store.index(b"urn:c2pa:") :].partition(b"\x00")[0].decode()

        for at in range(0, len(store), 37):
            changed = bytearray(store)
            changed[at] ^= 0x81
            with contextlib.suppress(ManifestMalformed, CertificateRefused):
                stores.claim_signature(bytes(changed), manifest_label=label)


class TestLongMdatHeader:
    def test_takes_the_eight_free_bytes_before(self, clip: Path) -> None:
        data = clip.read_bytes()
        at = data.index(b"mdat") - 4

        patch = stores.long_mdat_header(clip)

        size = int.from_bytes(data[at : at + 4], "big")
        assert patch == stores.Patch(at - 8, struct.pack(">I4sQ", 1, b"mdat", size + 8))

    def test_leaves_a_long_header_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "long.mp4"
        head = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
        path.write_bytes(head + struct.pack(">I4sQ", 1, b"mdat", 20) + b"data")

        assert stores.long_mdat_header(path) == stores.Patch(16, b"")

    def test_says_none_where_nothing_is_free(self, tmp_path: Path) -> None:
        path = tmp_path / "short.mp4"
        head = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
        path.write_bytes(head + struct.pack(">I4s", 12, b"mdat") + b"data")

        assert stores.long_mdat_header(path) is None


def _scratch() -> str:
    return tempfile.mkdtemp(prefix="countersign-store-")
