"""Statements: each version's text is what it was when it was first shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.cameos import statements

# A text that was ever agreed to never changes: add a version, and its digest here.
DIGESTS = {
    "1": "0ca2149108332c6d70e8e3ef9753288bbe46a4c4c82eac1bfe679b27ca84374d",
}


class TestVersion:
    @pytest.mark.parametrize("name", statements.VERSIONS)
    def test_never_changes(self, name: str) -> None:
        assert statements.version(name).sha256.hex() == DIGESTS[name]

    def test_knows_every_text_in_its_folder(self) -> None:
        folder = Path(statements.__file__).parent

        assert {path.stem for path in folder.glob("*.txt")} == set(statements.VERSIONS)

    def test_refuses_one_that_never_was(self) -> None:
        with pytest.raises(KeyError):
            statements.version("../1")


class TestCurrent:
    def test_is_the_newest(self) -> None:
        assert statements.current().version == statements.VERSIONS[-1]
