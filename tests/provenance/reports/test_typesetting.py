from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provenance.reports import content, typesetting

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
EMPTY = content.Report(
    title="Uses in a period",
    about="June",
    built_at=NOON,
    is_redacted=True,
    origin="log.example",
    tree_size=0,
    root_hash="",
    renders=(),
    events=(),
    decisions=(),
    money=(),
    takedowns=(),
    entry_count=0,
)
HOSTILE = "#panic() $ */ // \\ @x <y> `z` _a_ *b* \u202e \U0001f600 " + "w" * 300


def pages(report: content.Report, folder: Path) -> int:
    path = folder / "report.pdf"
    typesetting.typeset(report, path)
    data = path.read_bytes()
    assert data.startswith(b"%PDF-")
    return len(re.findall(rb"/Type ?/Page\b", data))


def render(number: int, parent: int | None = None, title: str = "Harbour") -> content.RenderLine:
    return content.RenderLine(
        id=f"{number:08d}",
        title=title,
        state="released",
        requester="Person A",
        cast=("Person B",),
        parent=None if parent is None else f"{parent:08d}",
        created_at=NOON,
        sha256=None,
        verified=(),
    )


class TestTypeset:
    def test_sets_a_report_of_nothing(self, tmp_path: Path) -> None:
        assert pages(EMPTY, tmp_path) == 2

    def test_sets_any_text_as_text(self, tmp_path: Path) -> None:
        event = content.Event(NOON, HOSTILE, "00000001", HOSTILE, HOSTILE, 7)
        report = replace(EMPTY, about=HOSTILE, renders=(render(1, title=HOSTILE),), events=(event,))

        assert pages(report, tmp_path) >= 2

    def test_breaks_long_tables_over_pages(self, tmp_path: Path) -> None:
        decisions = tuple(
            content.DecisionLine(
                NOON + timedelta(minutes=number), "00000001", "request", "deny", ("a", "b"), number
            )
            for number in range(500)
        )

        assert 10 < pages(replace(EMPTY, decisions=decisions), tmp_path) < 20

    def test_draws_a_lineage_however_deep_and_wide(self, tmp_path: Path) -> None:
        deep = [render(number, number - 1 if number else None) for number in range(90)]
        wide = [render(number, 100 if number > 100 else None) for number in range(100, 160)]
        orphan = [render(999, 998)]

        assert pages(replace(EMPTY, renders=(*deep, *wide, *orphan)), tmp_path) > 5

    def test_leaves_nothing_behind(self, tmp_path: Path) -> None:
        folder = tmp_path / "alone"
        folder.mkdir()

        typesetting.typeset(EMPTY, folder / "report.pdf")

        assert [path.name for path in folder.iterdir()] == ["report.pdf"]
