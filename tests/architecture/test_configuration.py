"""docs/configuration.md names every environment variable that the code reads, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("ledger", "rights", "provenance", "gpu_worker")
# What the environment is called where it is read: django-environ's reader, os.environ, the worker's.
READERS = frozenset({"env", "os.environ", "known"})
NAME = re.compile(r"[A-Z][A-Z0-9_]+")


def names_read(source: str) -> Iterator[str]:
    """Yield the names that a module reads: `env.int("N")`, `os.environ.get("N")`, `os.environ["N"]`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if ast.unparse(node.func.value) in READERS and node.func.attr != "setdefault":
                yield from _name(node.args[0])
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if ast.unparse(node.value) in READERS:
                yield from _name(node.slice)
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) in READERS:
            yield from _name(node.left)


def _name(node: ast.expr) -> Iterator[str]:
    value = getattr(node, "value", None)
    if isinstance(value, str) and NAME.fullmatch(value):
        yield value


def names_documented(text: str) -> list[str]:
    """Return the names in the first cells of the tables above `## Production`."""
    rows = [
        line
        for line in text.split("\n## Production", maxsplit=1)[0].splitlines()
        if line[:3] == "| `"
    ]
    return [name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row.split("|")[1])]


@pytest.fixture(scope="module")
def read() -> set[str]:
    modules = [
        ROOT / "manage.py",
        *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")),
    ]
    return {name for path in modules for name in names_read(path.read_text())}


class TestConfiguration:
    def test_documents_each_variable_that_is_read_once(self, read: set[str]) -> None:
        documented = names_documented((ROOT / "docs" / "configuration.md").read_text())

        assert sorted(documented) == sorted(read)

    def test_sees_every_way_of_reading_one(self) -> None:
        source = (
            'env.int("ONE_S", default=1)\nos.environ.get("TWO")\nos.environ["THREE"]\n'
            '"FOUR" in os.environ\nknown["FIVE"]\nos.environ["SIX"] = ""\nother["SEVEN"]\n'
        )

        assert set(names_read(source)) == {"ONE_S", "TWO", "THREE", "FOUR", "FIVE"}
