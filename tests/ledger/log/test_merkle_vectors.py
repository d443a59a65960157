"""Proof verification against the fixtures of transparency-dev/merkle, right and wrong ones."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from ledger.log import merkle
from ledger.log.merkle import ProofInvalid

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "log_merkle.json").read_text())


def is_included(index: int, size: int, root: str, leaf: str, proof: list[str]) -> bool:
    hashes = [b64decode(value) for value in proof]
    try:
        reached = merkle.root_of_inclusion(
            leaf=b64decode(leaf), index=index, size=size, proof=hashes
        )
    except ProofInvalid:
        return False
    return reached == b64decode(root)


def is_consistent(old_size: int, size: int, old_root: str, root: str, proof: list[str]) -> bool:
    hashes = [b64decode(value) for value in proof]
    try:
        merkle.verify_consistency(
            old_size=old_size,
            old_root=b64decode(old_root),
            size=size,
            root=b64decode(root),
            proof=hashes,
        )
    except ProofInvalid:
        return False
    return True


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_an_inclusion_proof_is_accepted_when_it_is_right(case: list[Any]) -> None:
    *claim, is_wrong = case

    assert is_included(*claim) is not is_wrong


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_a_consistency_proof_is_accepted_when_it_is_right(case: list[Any]) -> None:
    *claim, is_wrong = case

    assert is_consistent(*claim) is not is_wrong
