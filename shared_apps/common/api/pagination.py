"""Lists are pages of 20 as ``{count, next, previous, results}``."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import ErrorDetail, NotFound
from rest_framework.exceptions import ValidationError as InvalidParameter
from rest_framework.pagination import CursorPagination, PageNumberPagination


class _StrictSize:
    """A ``page_size`` that is none is a 400; one that is too large is the largest.

    Whoever reads a list within EAS sets ``rows_of_a_page`` on Django's request: no client can.
    """

    page_size_query_param: str | None = "page_size"
    max_page_size: int | None = 100

    def get_page_size(self, request: Any) -> int | None:
        within: int | None = getattr(request._request, "rows_of_a_page", None)
        if within is not None:
            return within
        text = request.query_params.get("page_size", "")
        if text and not (text.isascii() and text.isdecimal() and text.strip("0")):
            raise InvalidParameter({"page_size": [ErrorDetail("Must be a number from 1.", "invalid")]})
        size: int | None = super().get_page_size(request)  # type: ignore[misc]
        return size


class Pages(_StrictSize, PageNumberPagination):
    """``page`` counts from 1, ``page_size`` is at most 100."""

    page_size = 20


class Cursor(_StrictSize, CursorPagination):
    """For logs, newest first: ``{next, previous, results}``, stable while rows are added."""

    page_size = 50
    ordering = ("-received_at", "-id")

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError):  # a cursor that somebody made up
            raise NotFound(self.invalid_cursor_message) from None
