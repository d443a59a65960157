"""The five families of error. Each concrete error has a permanent code and carries ids, not prose."""

from __future__ import annotations

from typing import ClassVar


class CountersignError(Exception):
    """An error that a caller can act on.

    `code` is permanent and part of the API; `title` is for people and may change. Keyword
    arguments become the problem's members, so they must be ids, sizes and limits, never prose
    about a person.
    """

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, **members: object) -> None:
        super().__init__(self.code)
        self.members = members

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.members.items())
        return f"{self.code}({shown})"


class NotFound(CountersignError):
    """It is not there, or not the caller's: these look alike."""


class Conflict(CountersignError):
    """It contradicts what is already recorded."""


class Refused(CountersignError):
    """It is understood, and not allowed."""


class Malformed(CountersignError):
    """It is not what the contract asks for."""


class Unavailable(CountersignError):
    """It cannot be answered now; trying again later may help."""
