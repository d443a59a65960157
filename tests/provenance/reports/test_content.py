from __future__ import annotations

from datetime import UTC, datetime, timedelta

from provenance.reports import content

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class TestPseudonyms:
    def test_names_each_person_once_in_order_of_mention(self) -> None:
        given = content.Pseudonyms()

        assert [given.of(person) for person in ("x", "y", "x")] == [
            "Person A",
            "Person B",
            "Person A",
        ]

    def test_does_not_run_out(self) -> None:
        given = content.Pseudonyms()

        names = [given.of(number) for number in range(26 + 26 * 26 + 1)]

        assert (names[25], names[26], names[51], names[52]) == (
            "Person Z",
            "Person AA",
            "Person AZ",
            "Person BA",
        )
        assert names[-1] == "Person AAA"
        assert len(set(names)) == len(names)


class TestLineage:
    def test_puts_each_parent_above_its_remixes_with_their_rails(self) -> None:
        parents = {"a": None, "b": "a", "c": "a", "d": "b", "e": "gone"}
        renders = [
            content.RenderLine(name, "", "released", "", (), parent, NOON, None, ())
            for name, parent in parents.items()
        ]

        assert [(line.id, line.rails) for line in content.lineage(renders)] == [
            ("a", ()),
            ("b", (True,)),
            ("d", (True, False)),
            ("c", (False,)),
            ("e", ()),
        ]


class TestTakedownLine:
    def test_is_late_after_its_deadline_alone(self) -> None:
        line = content.TakedownLine("r", "likeness", "upheld", "1", NOON, NOON, None)

        assert not line.is_late
        assert content.to_plain(line)["decided_at"] is None
        for late_by, is_late in ((0, False), (1, True)):
            decided = NOON + timedelta(seconds=late_by)
            late = content.TakedownLine("r", "likeness", "upheld", "1", NOON, NOON, decided)
            assert content.to_plain(late)["is_late"] is is_late


class TestToPlain:
    def test_writes_times_in_utc(self) -> None:
        event = content.Event(NOON, "sealed", "1", "", "", None)

        assert content.to_plain((event,)) == [
            {
                "at": "2026-06-01T12:00:00Z",
                "kind": "sealed",
                "render": "1",
                "person": "",
                "detail": "",
                "log_index": None,
            }
        ]
