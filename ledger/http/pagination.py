"""Cursor pagination for every list of the API: newest first, at most 200 rows a page."""

from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor as Place
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class Cursor(CursorPagination):
    """Pages by creation time. `?limit=` asks for 1 to 200 rows; `next` is followed as it is."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Place | None:
        """Return where the page starts.

        Raises:
            NotFound: the cursor is none of ours; its position goes into a query as a moment.
        """
        place: Place | None = super().decode_cursor(request)
        if place is not None and place.position is not None and not _is_moment(str(place.position)):
            raise NotFound(self.invalid_cursor_message)
        return place


def _is_moment(position: str) -> bool:
    try:
        return parse_datetime(position) is not None
    except ValueError:
        return False
