"""Finding an opted-out name in a text, however it is dressed up. Pure.

A text becomes a row of *skeleton words*: compatibility-folded (NFKC), case-folded, without zero-width
characters and combining marks, look-alike letters of other scripts and common digit-for-letter swaps
mapped to one form, split at everything that is not a letter or digit. What may stand for two letters
(a capital I, `1`, `!`, `|`: an i or an l) is read both ways. Runs of single letters (`E l s a`,
`E.l.s.a`) also count as the word they spell. A name matches where its skeleton words stand in a row, so
`Elsa` never stops `Elsabeth`. Scripts that write no spaces have no such borders: each of their signs
is a word, so a name is found wherever its signs stand in a row.

Not seen through: a name cut in parts of two letters and more (`El sa`), digits behind it (`Elsa2`),
transliterations that no alias lists.

Sources: Unicode TR 39 (confusables; the part of it that imitates Latin letters), TR 15 (NFKC).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TEXT_CHARACTERS_MAX = 20_000
NAME_CHARACTERS_MAX = 200
NAME_WORDS_MAX = 12
SPELLED_LETTERS_MAX = 40
JOINED_LETTERS_MIN = 6

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
# The other reading: of what may be an i or an l, and of Greek capitals that look like other letters
# than their small ones.
_OTHERWISE = str.maketrans(
    {
        "I": "l", "\u0406": "l", "1": "i", "!": "l", "|": "i", "Ζ": "Z", "Η": "H", "Μ": "M", "Ν": "N",
        "Ρ": "P", "Υ": "Y", "Χ": "X",
    }
)  # fmt: skip
# Kana, Han, Hangul, Thai, Lao, Burmese, Khmer: written without spaces, or with endings attached.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3041, 0x30FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x323AF),
)  # fmt: skip


@dataclass(frozen=True)
class Word:
    """One skeleton word, and where it stands in the text: characters `start` to `end`.

    `otherwise` is its other reading, mostly the same; `is_sign`: of a script without spaces.
    """

    skeleton: str
    otherwise: str
    start: int
    end: int
    is_sign: bool


def words(text: str) -> tuple[Word, ...]:
    """Return the skeleton words of a text, in order.

    Only the first `TEXT_CHARACTERS_MAX` characters are read; edges refuse longer texts.
    """
    text = text[:TEXT_CHARACTERS_MAX]
    return tuple(
        Word(skeleton, _skeleton(text[start:end], is_otherwise=True), start, end, is_sign)
        for start, end, is_sign in _spans(text)
        if (skeleton := _skeleton(text[start:end]))
    )


def name(text: str) -> str:
    """Return what an alias is compared by: its skeleton words with one space between."""
    return " ".join(word.skeleton for word in words(text))


def letters(skeleton: str) -> int:
    """Return how many letters and digits a skeleton has; a Hangul syllable is one."""
    return len(unicodedata.normalize("NFC", skeleton).replace(" ", ""))


def written(skeleton: str) -> tuple[str, ...]:
    """Return the skeletons that a name is found by: its words, and the words as one (`StarWars`).

    One word only from `JOINED_LETTERS_MIN` letters on: shorter, it is too often another word.
    """
    joined = skeleton.replace(" ", "")
    if joined == skeleton or len(joined) < JOINED_LETTERS_MIN:
        return (skeleton,)
    return (skeleton, joined)


def candidates(text: str) -> dict[str, tuple[int, int]]:
    """Return every name that could stand in a text, with its first place in it.

    At most `NAME_WORDS_MAX` words long; joined runs of single letters are candidates too.
    """
    row = words(text)
    found: dict[str, tuple[int, int]] = {}
    plain = [word.skeleton for word in row]
    otherwise = [word.otherwise for word in row]
    for reading in (plain,) if plain == otherwise else (plain, otherwise):
        for first in range(len(row)):
            for last in range(first, min(first + NAME_WORDS_MAX, len(row))):
                phrase = " ".join(reading[first : last + 1])
                found.setdefault(phrase, (row[first].start, row[last].end))
        for first, last in _spelled_out(row):
            spelled = "".join(reading[first : last + 1])
            found.setdefault(spelled, (row[first].start, row[last].end))
    return found


def _spelled_out(row: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Yield each part of 3 to `SPELLED_LETTERS_MAX` words of each run of single letters."""
    for first in range(len(row)):
        for last in range(first, min(first + SPELLED_LETTERS_MAX, len(row))):
            if len(row[last].skeleton) != 1 or row[last].is_sign:
                break
            if last >= first + 2:
                yield first, last


def _spans(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where each word stands, and whether it is one sign of a script without spaces.

    `@`, `$` and their like belong to a word only with a letter or digit after them.
    """
    start, is_sign = None, False
    for place, character in enumerate(text):
        following = text[place + 1 : place + 2]
        belongs = _is_of_a_word(character) or (
            character in _SIGNS and following != "" and _is_of_a_word(following)
        )
        stands_alone = belongs and _is_unspaced(character)
        goes_on = belongs and not stands_alone and not (is_sign and _is_seen(character))
        if start is not None and not goes_on:
            yield start, place, is_sign
            start = None
        if belongs and start is None:
            start, is_sign = place, stands_alone
    if start is not None:
        yield start, len(text), is_sign


def _is_of_a_word(character: str) -> bool:
    """Letters, digits, marks on them, and characters that are not seen (zero-width, soft hyphen)."""
    return unicodedata.category(character)[0] in "LN" or not _is_seen(character)


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "M" and category != "Cf"


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return code >= _UNSPACED[0][0] and any(low <= code <= high for low, high in _UNSPACED)


def _skeleton(word: str, *, is_otherwise: bool = False) -> str:
    compatible = unicodedata.normalize("NFKC", word)
    if is_otherwise:
        compatible = compatible.translate(_OTHERWISE)
    folded = unicodedata.normalize("NFKD", compatible.casefold())
    bare = "".join(c for c in folded if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    bare = bare.translate(_CONFUSABLES).translate(_LEET_SIGNS)
    if any(c.isalpha() for c in bare):
        bare = bare.translate(_LEET)
    return "".join(c for c in bare if c.isalnum())
