"""Cursor pagination for every list of the API: newest first, at most 200 rows a page."""

from rest_framework.pagination import CursorPagination


class Cursor(CursorPagination):
    """Pages by creation time. `?limit=` asks for 1 to 200 rows; `next` is followed as it is."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
