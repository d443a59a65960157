"""Paths and bundles, as tlog-tiles has them."""

from __future__ import annotations

import pytest

from ledger.log import tiles
from ledger.log.tiles import BundleMalformed, TileName, TileNotFound


class TestPath:
    @pytest.mark.parametrize(
        ("name", "path"),
        [
            (TileName(0, 0), "tile/0/000"),
            (TileName(0, 1234067), "tile/0/x001/x234/067"),
            (TileName(None, 273, 112), "tile/entries/273.p/112"),
            (TileName(63, 1000, 1), "tile/63/x001/000.p/1"),
        ],
    )
    def test_is_the_one_of_the_format_and_is_read_back(self, name: TileName, path: str) -> None:
        assert name.path() == path
        assert tiles.parse_path(path) == name

    @pytest.mark.parametrize(
        "path",
        [
            "tile/0/0",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/001",
            "tile/0/001/000",
            "tile/0/x001/x234/067/",
            "tile/0/../../checkpoint",
            "tile/-1/000",
            "tile/entries",
            "tile/0/\u0660\u0660\u0660",
            "checkpoint",
            "",
        ],
    )
    def test_is_refused_when_no_tile_has_it(self, path: str) -> None:
        with pytest.raises(TileNotFound):
            tiles.parse_path(path)


class TestNames:
    def test_are_those_of_the_formats_own_example(self) -> None:
        found = [name for name in tiles.names(old_size=0, size=70_000) if name.level is not None]

        assert [name for name in found if not name.is_full] == [
            TileName(0, 273, 112),
            TileName(1, 1, 17),
            TileName(2, 0, 1),
        ]
        assert sum(name.level == 0 and name.is_full for name in found) == 273
        assert sum(name.level == 1 and name.is_full for name in found) == 1

    def test_of_256_are_one_full_tile_and_one_hash_above_it(self) -> None:
        assert list(tiles.names(old_size=0, size=256)) == [
            TileName(None, 0),
            TileName(0, 0),
            TileName(1, 0, 1),
        ]

    def test_leave_out_what_was_there_before(self) -> None:
        assert list(tiles.names(old_size=256, size=258)) == [
            TileName(None, 1, 2),
            TileName(0, 1, 2),
        ]

    @pytest.mark.parametrize("size", [0, 1, 256, 70_000])
    def test_are_none_when_nothing_was_added(self, size: int) -> None:
        assert list(tiles.names(old_size=size, size=size)) == []


class TestBundle:
    def test_is_read_back(self) -> None:
        entries = [b"", b"a", b"b" * 65_535]

        assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries

    @pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x00" * 257])
    def test_is_refused_when_cut_or_too_many(self, data: bytes) -> None:
        with pytest.raises(BundleMalformed):
            tiles.decode_bundle(data)

    def test_refuses_an_entry_that_its_length_cannot_say(self) -> None:
        with pytest.raises(OverflowError):
            tiles.encode_bundle([b"a" * 65_536])
