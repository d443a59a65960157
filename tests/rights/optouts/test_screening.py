"""An opted-out name is found however it is dressed up, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rights.optouts import screening


class TestCandidates:
    @pytest.mark.parametrize(
        "text",
        [
            "Elsa",
            "ELSA dances",
            "in the snow, Élsa.",
            "E.l.s.a",
            "E l s a",
            "3lsa",
            "El\u200bsa",
            "El\u00adsa",
            "\u0415lsa",  # Cyrillic Ie.
            "\uff25\uff4c\uff53\uff41",  # Full-width.
            "\U0001d4d4\U0001d4f5\U0001d4fc\U0001d4ea",  # Mathematical script.
            "E\u0336l\u0336s\u0336a\u0336",  # Struck through.
            "el$a!",
            "Elsa's castle",
            "EIsa",  # A capital I.
            "E1sa",
            "E!sa",
            "x " * 39 + "e l s a",  # Behind many single letters.
        ],
    )
    def test_finds_a_name_that_hides(self, text: str) -> None:
        assert "elsa" in screening.candidates(text)

    @pytest.mark.parametrize("text", ["Elsabeth", "Chelsa", "el sand", "else a", ""])
    def test_leaves_other_words_alone(self, text: str) -> None:
        assert "elsa" not in screening.candidates(text)

    def test_finds_a_name_of_several_words_across_punctuation(self) -> None:
        assert screening.name("Star Wars") in screening.candidates("like $tar-W@rs, but slower")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("埃尔莎", "冰雪女王埃尔莎在跳舞"),
            ("エルサ", "雪の女王エルサが踊る"),
            ("エルサ", "ｴﾙｻ"),
            ("엘사", "엘사가 춤춘다"),
            ("Эльза", "танцует ЭЛЬЗА!"),
            ("إلسا", "ترقص إلسا الآن"),
        ],
    )
    def test_finds_names_in_other_scripts(self, name: str, text: str) -> None:
        assert screening.name(name) in screening.candidates(text)

    @pytest.mark.parametrize("text", ["#StarWars", "S t a r W a r s", "star wars", "STAR_WARS"])
    def test_finds_words_that_are_written_as_one(self, text: str) -> None:
        assert screening.candidates(text).keys() & set(screening.written("star wars"))

    def test_leaves_short_words_alone_that_two_words_would_make(self) -> None:
        assert screening.written("an na") == ("an na",)

    def test_reads_a_long_text_within_a_stated_number_of_names(self) -> None:
        assert len(screening.candidates("a " * 10_000)) < 10_000 * screening.SPELLED_LETTERS_MAX

    def test_says_where_the_name_stands(self) -> None:
        text = "a song for Elsa tonight"

        start, end = screening.candidates(text)["elsa"]

        assert text[start:end] == "Elsa"

    @given(st.text(max_size=200))
    def test_never_fails_on_any_text(self, text: str) -> None:
        for start, end in screening.candidates(text).values():
            assert 0 <= start < end <= len(text)

    @given(before=st.text(max_size=30), after=st.text(max_size=30))
    def test_finds_a_name_between_any_words(self, before: str, after: str) -> None:
        assert "elsa" in screening.candidates(f"{before} , Elsa , {after}")
