"""The tree against the definition of RFC 6962, written out here in its slow and obvious form."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log import merkle
from ledger.log.merkle import Edge, ProofInvalid

SIZE_MAX = 1_100
LEAVES = [merkle.leaf_hash(str(number).encode()) for number in range(SIZE_MAX)]


@cache
def defined_root(start: int, end: int) -> bytes:
    """MTH(D[start:end]) as RFC 6962 section 2.1 defines it."""
    if end == start:
        return sha256(b"").digest()
    if end - start == 1:
        return LEAVES[start]
    split = 1
    while split * 2 < end - start:
        split *= 2
    left, right = defined_root(start, start + split), defined_root(start + split, end)
    return sha256(b"\x01" + left + right).digest()


def grown(sizes: list[int]) -> tuple[Edge, dict[tuple[int, int], bytes]]:
    """Grow a tree through `sizes`; return its edge and its tiles as they were written last."""
    edge, tiles = Edge(), {}
    for size in sizes:
        edge, writes = edge.extended(LEAVES[edge.size : size])
        tiles.update({(write.level, write.index): write.data for write in writes})
    return edge, tiles


_, ALL_TILES = grown([SIZE_MAX])


def read(level: int, index: int, width: int) -> bytes:
    data = ALL_TILES[level, index][: width * 32]
    assert len(data) == width * 32, "a tile was read wider than it is"
    return data


class TestLeafHash:
    def test_gives_the_known_answers(self) -> None:
        empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        known = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"

        assert merkle.leaf_hash(b"").hex() == empty
        assert merkle.leaf_hash(b"L123456").hex() == known


class TestEdge:
    def test_of_nothing_has_the_root_of_nothing(self) -> None:
        assert Edge().root() == sha256(b"").digest()

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 1024, 1099])
    def test_has_the_root_that_the_definition_gives(self, size: int) -> None:
        edge, _ = grown([size])

        assert edge.root() == defined_root(0, size)

    @settings(max_examples=40, deadline=None)
    @given(steps=st.lists(st.integers(0, SIZE_MAX), min_size=1, max_size=8))
    def test_does_not_depend_on_the_batches_that_it_grew_by(self, steps: list[int]) -> None:
        sizes = sorted(steps)

        edge, tiles = grown(sizes)

        assert edge == grown([sizes[-1]])[0]
        assert tiles == grown([sizes[-1]])[1]

    @pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 768, 1000])
    def test_is_read_back_from_tiles(self, size: int) -> None:
        assert merkle.edge_of(size, read) == grown([size])[0]

    def test_writes_the_root_of_each_full_tile_one_level_up(self) -> None:
        _, tiles = grown([513])

        assert tiles[1, 0] == defined_root(0, 256) + defined_root(256, 512)

    def test_leaves_the_edge_it_grew_from_as_it_was(self) -> None:
        edge, _ = grown([300])

        edge.extended(LEAVES[300:600])

        assert edge.root() == defined_root(0, 300)


class TestInclusionProof:
    @pytest.mark.parametrize("size", [*range(1, 20), 255, 256, 257, 512, 777])
    def test_leads_each_leaf_to_the_root(self, size: int) -> None:
        for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
            proof = merkle.inclusion_proof(index=index, size=size, read=read)

            reached = merkle.root_of_inclusion(
                leaf=LEAVES[index], index=index, size=size, proof=proof
            )
            assert reached == defined_root(0, size)

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_reads_no_tile_that_was_not_foretold(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(1, SIZE_MAX))
        index = data.draw(st.integers(0, size - 1))
        foretold = merkle.tiles_on_path(index=index, size=size)
        asked: list[tuple[int, int]] = []

        def read_and_note(level: int, number: int, width: int) -> bytes:
            asked.append((level, number))
            return read(level, number, width)

        merkle.inclusion_proof(index=index, size=size, read=read_and_note)

        assert set(asked) <= set(foretold)
        assert len(asked) == len(set(asked))

    @pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
    def test_is_refused_outside_the_tree(self, index: int, size: int) -> None:
        with pytest.raises(ProofInvalid):
            merkle.inclusion_proof(index=index, size=size, read=read)

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_fails_once_a_bit_is_flipped(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(2, SIZE_MAX))
        index = data.draw(st.integers(0, size - 1))
        proof = merkle.inclusion_proof(index=index, size=size, read=read)
        place = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        proof[place] = (int.from_bytes(proof[place], "big") ^ (1 << bit)).to_bytes(32, "big")

        reached = merkle.root_of_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof)

        assert reached != defined_root(0, size)

    @pytest.mark.parametrize("change", ["shorter", "longer", "outside"])
    def test_is_refused_when_its_length_does_not_fit(self, change: str) -> None:
        proof = merkle.inclusion_proof(index=3, size=10, read=read)
        index = 10 if change == "outside" else 3
        proof = {"shorter": proof[:-1], "longer": [*proof, bytes(32)]}.get(change, proof)

        with pytest.raises(ProofInvalid):
            merkle.root_of_inclusion(leaf=LEAVES[3], index=index, size=10, proof=proof)


class TestConsistencyProof:
    @pytest.mark.parametrize("size", [*range(1, 18), 255, 256, 257, 513, 1000])
    def test_holds_between_each_two_sizes(self, size: int) -> None:
        for old in {0, 1, 2, 3, size // 3, size // 2, size - 1, size} & set(range(size + 1)):
            proof = merkle.consistency_proof(old_size=old, size=size, read=read)

            merkle.verify_consistency(
                old_size=old,
                old_root=defined_root(0, old),
                size=size,
                root=defined_root(0, size),
                proof=proof,
            )

    def test_is_refused_backwards(self) -> None:
        with pytest.raises(ProofInvalid):
            merkle.consistency_proof(old_size=6, size=5, read=read)

    @pytest.mark.parametrize("changed", ["old_root", "root", "old_size", "size", "less", "more"])
    def test_fails_when_anything_differs(self, changed: str) -> None:
        claim = {
            "old_size": 300,
            "old_root": defined_root(0, 300),
            "size": 700,
            "root": defined_root(0, 700),
            "proof": merkle.consistency_proof(old_size=300, size=700, read=read),
        }
        claim |= {
            "old_root": {"old_root": defined_root(0, 299)},
            "root": {"root": defined_root(0, 701)},
            "old_size": {"old_size": 290},
            "size": {"size": 300},
            "less": {"proof": claim["proof"][:-1]},
            "more": {"proof": [*claim["proof"], bytes(32)]},
        }[changed]

        with pytest.raises(ProofInvalid):
            merkle.verify_consistency(**claim)

    @pytest.mark.parametrize(
        ("old_root", "proof"), [(bytes(32), []), (merkle.EMPTY_ROOT, [bytes(32)])]
    )
    def test_from_nothing_needs_the_empty_root_and_no_proof(
        self, old_root: bytes, proof: list[bytes]
    ) -> None:
        with pytest.raises(ProofInvalid):
            merkle.verify_consistency(
                old_size=0, old_root=old_root, size=5, root=defined_root(0, 5), proof=proof
            )

    def test_is_empty_and_equal_for_the_same_size(self) -> None:
        with pytest.raises(ProofInvalid):
            merkle.verify_consistency(
                old_size=5, old_root=bytes(32), size=5, root=defined_root(0, 5), proof=[]
            )
