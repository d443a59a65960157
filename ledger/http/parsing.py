"""Reading JSON bodies: what PostgreSQL could not keep is refused here, once for every address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEPTH_MAX = 32


class Json(JSONParser):
    """JSON (RFC 8259) whose strings are Unicode text without NUL, nested at most `DEPTH_MAX` deep.

    A lone surrogate (`"\\ud800"`) is legal JSON and no text; NUL is text that PostgreSQL refuses.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body.

        Raises:
            ParseError: it is no JSON, nested too deep, or has a string that is no storable text.
        """
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("JSON is nested too deep.") from None
        _check(body)
        return body


def _check(body: object) -> None:
    pending = [(body, 1)]
    while pending:  # Ends: each value is looked at once, and the body has a size limit.
        value, depth = pending.pop()
        if depth > DEPTH_MAX:
            raise ParseError("JSON is nested too deep.")
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, list):
            pending += [(item, depth + 1) for item in value]
        elif isinstance(value, dict):
            pending += [(item, depth + 1) for pair in value.items() for item in pair]


def _check_text(value: str) -> None:
    if "\x00" in value:
        raise ParseError("A string has the character NUL.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ParseError("A string is no Unicode text: it has a lone surrogate.") from None
