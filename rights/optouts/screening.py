"""Finding an opted-out name in a text, however it is dressed up. Pure.

A text becomes a row of *skeleton words*: compatibility-folded (NFKC), case-folded, without zero-width
characters and combining marks, look-alike letters of other scripts and common digit-for-letter swaps
mapped to one form, split at everything that is not a letter or digit. Runs of single letters (`E l s a`,
`E.l.s.a`) also count as the word they spell. A name matches where its skeleton words stand in a row, so
`Elsa` never stops `Elsabeth`.

Sources: Unicode TR 39 (confusables; the part of it that imitates Latin letters), TR 15 (NFKC).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TEXT_CHARACTERS_MAX = 20_000
NAME_WORDS_MAX = 8
RUN_CHARACTERS_MAX = 40

# Letters that look Latin, and are not: Cyrillic, Greek, Armenian, Cherokee and letter-like signs.
_CONFUSABLES = str.maketrans(
    {
        "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ѕ": "s", "і": "i", "ј": "j", "к": "k",
        "ӏ": "l", "м": "m", "н": "h", "о": "o", "р": "p", "ԛ": "q", "т": "t", "у": "y", "х": "x",
        "ԝ": "w", "ь": "b", "ё": "e", "ї": "i", "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i",
        "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "σ": "o", "τ": "t", "υ": "u", "χ": "x", "γ": "y",
        "ω": "w", "օ": "o", "ս": "u", "հ": "h", "ո": "n", "ց": "g", "ı": "i", "ȷ": "j", "ß": "ss",
        "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d", "ħ": "h",
        "ꮪ": "s", "ꭰ": "d", "ꭱ": "r", "ꭲ": "t", "ꮃ": "w", "ꮇ": "m", "ꮋ": "h", "ꮮ": "l",
    }
)  # fmt: skip
# Digits and signs that stand for letters, applied inside words that also have a letter.
_LEET = str.maketrans({"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b"})
_LEET_SIGNS = str.maketrans({"@": "a", "$": "s", "!": "i", "€": "e", "|": "l", "+": "t"})
_SIGNS = frozenset("@$!€|+")


@dataclass(frozen=True)
class Word:
    """One skeleton word, and where it stands in the text: characters `start` to `end`."""

    skeleton: str
    start: int
    end: int


def words(text: str) -> tuple[Word, ...]:
    """Return the skeleton words of a text, in order; runs of single letters come joined as well.

    Only the first `TEXT_CHARACTERS_MAX` characters are read; edges refuse longer texts.
    """
    text = text[:TEXT_CHARACTERS_MAX]
    return tuple(
        Word(skeleton, start, end)
        for start, end in _spans(text)
        if (skeleton := _skeleton(text[start:end]))
    )


def name(text: str) -> str:
    """Return what an alias is compared by: its skeleton words with one space between."""
    return " ".join(word.skeleton for word in words(text))


def candidates(text: str) -> dict[str, tuple[int, int]]:
    """Return every name that could stand in a text, with its first place in it.

    At most `NAME_WORDS_MAX` words long; joined runs of single letters are candidates too.
    """
    found: dict[str, tuple[int, int]] = {}
    row = words(text)
    for first in range(len(row)):
        for last in range(first, min(first + NAME_WORDS_MAX, len(row))):
            phrase = " ".join(word.skeleton for word in row[first : last + 1])
            found.setdefault(phrase, (row[first].start, row[last].end))
    for first, last in _spelled_out(row):
        spelled = "".join(word.skeleton for word in row[first : last + 1])
        found.setdefault(spelled, (row[first].start, row[last].end))
    return found


def _spelled_out(row: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Yield each part of at least three words of each run of single letters."""
    first = 0
    while first < len(row):
        last = first
        while (
            last < len(row) and len(row[last].skeleton) == 1 and last - first < RUN_CHARACTERS_MAX
        ):
            last += 1
        for start in range(first, last):
            for end in range(start + 2, last):
                yield start, end
        first = max(last, first + 1)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word stands. A sign belongs to a word only with a letter or digit after it."""
    start: int | None = None
    for place, character in enumerate(text):
        following = text[place + 1 : place + 2]
        belongs = _is_of_a_word(character) or (
            character in _SIGNS and following != "" and _is_of_a_word(following)
        )
        if belongs and start is None:
            start = place
        elif not belongs and start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(text)


def _is_of_a_word(character: str) -> bool:
    """Letters, digits, marks on them, and characters that are not seen (zero-width, soft hyphen)."""
    category = unicodedata.category(character)
    return category[0] in "LNM" or category == "Cf"


def _skeleton(word: str) -> str:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    bare = "".join(c for c in folded if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    bare = bare.translate(_CONFUSABLES).translate(_LEET_SIGNS)
    if any(c.isalpha() for c in bare):
        bare = bare.translate(_LEET)
    return "".join(c for c in bare if c.isalnum())
