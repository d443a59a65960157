"""Rules of what an account may be called. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from ledger.accounts.errors import BirthDateImplausible, DisplayNameMalformed, HandleMalformed

EMAIL_LENGTH_MAX = 254  # RFC 5321, 4.5.3.1.3, less its angle brackets.
PASSWORD_LENGTH_MAX = 1024
DISPLAY_NAME_LENGTH_MAX = 60
AGE_YEARS_MAX = 130

_HANDLE = re.compile(r"[a-z0-9_]{3,30}")


def check_handle(handle: str) -> None:
    """Raise `HandleMalformed` unless it is 3 to 30 of a-z, 0-9 and underscore."""
    if not _HANDLE.fullmatch(handle):
        raise HandleMalformed


def check_display_name(name: str) -> None:
    """Raise `DisplayNameMalformed` where it is too long, or holds what cannot be seen.

    Control, format and private characters are refused: with them one name can look like another.
    """
    unseen = any(unicodedata.category(character).startswith("C") for character in name)
    if len(name) > DISPLAY_NAME_LENGTH_MAX or unseen:
        raise DisplayNameMalformed(length_max=DISPLAY_NAME_LENGTH_MAX)


def check_born_on(born_on: date, *, today: date) -> None:
    """Raise `BirthDateImplausible` for the future and for more than `AGE_YEARS_MAX` years ago."""
    if born_on > today or today.year - born_on.year > AGE_YEARS_MAX:
        raise BirthDateImplausible(years_max=AGE_YEARS_MAX)
