"""Lists are pages of 20 as ``{count, next, previous, results}``."""

from rest_framework.pagination import CursorPagination, PageNumberPagination


class Pages(PageNumberPagination):
    """``page`` counts from 1, ``page_size`` is at most 100."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100


class Cursor(CursorPagination):
    """For logs, newest first: ``{next, previous, results}``, stable while rows are added."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100
    ordering = ("-received_at", "-id")
