"""Which bytes a request gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.renders.ranges import Slice, select

ETAG = '"abc"'


class TestSelect:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (None, Slice(200, 0, 99)),
            ("bytes=0-0", Slice(206, 0, 0)),
            ("bytes=0-99", Slice(206, 0, 99)),
            ("bytes=10-", Slice(206, 10, 99)),
            ("bytes=90-1000", Slice(206, 90, 99)),
            ("bytes=-10", Slice(206, 90, 99)),
            ("bytes=-1000", Slice(206, 0, 99)),
            ("bytes=100-", Slice(416)),
            ("bytes=100-200", Slice(416)),
            ("bytes=-0", Slice(416)),
            # Ignored, as RFC 9110 14.2 allows: malformed, several, other units.
            ("bytes=20-10", Slice(200, 0, 99)),
            ("bytes=-", Slice(200, 0, 99)),
            ("bytes=a-b", Slice(200, 0, 99)),
            ("bytes=0-1,5-6", Slice(200, 0, 99)),
            ("lines=0-1", Slice(200, 0, 99)),
            ("bytes=0-" + "9" * 300, Slice(200, 0, 99)),
            ("bytes=\u0661-\u0662", Slice(200, 0, 99)),
            ("", Slice(200, 0, 99)),
        ],
    )
    def test_answers_a_range(self, header: str | None, expected: Slice) -> None:
        assert select(size_bytes=100, etag=ETAG, range_header=header) == expected

    @pytest.mark.parametrize(
        ("if_range", "status"),
        [(ETAG, 206), ('"other"', 200), ("W/" + ETAG, 200), ("Sat, 21 Nov 2026 04:00:00 GMT", 200)],
    )
    def test_gives_the_whole_file_when_it_is_another_one_now(
        self, if_range: str, status: int
    ) -> None:
        part = select(size_bytes=100, etag=ETAG, range_header="bytes=0-9", if_range=if_range)

        assert part.status == status

    @pytest.mark.parametrize("header", [ETAG, "W/" + ETAG, '"x", ' + ETAG, "*"])
    def test_says_that_nothing_changed(self, header: str) -> None:
        assert select(size_bytes=100, etag=ETAG, if_none_match=header).status == 304

    @given(
        size_bytes=st.integers(1, 10**12),
        header=st.text(max_size=60) | st.from_regex(r"bytes=\d{0,20}-\d{0,20}", fullmatch=True),
    )
    def test_never_leaves_the_file(self, size_bytes: int, header: str) -> None:
        part = select(size_bytes=size_bytes, etag=ETAG, range_header=header)

        if part.status in (200, 206):
            assert 0 <= part.first <= part.last < size_bytes
            assert part.size_bytes >= 1
