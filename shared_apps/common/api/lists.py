"""One way to answer a list: filter, then page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet, Value
from django_filters.filterset import FilterSet
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from shared_apps.common.api.pagination import Cursor, Pages


def answer_list(
    request: Request,
    *,
    rows: QuerySet[Any],
    filters: type[FilterSet] | None,
    serializer: type[BaseSerializer[Any]],
    context: Callable[[list[Any]], dict[str, Any]] | None = None,
) -> Response:
    """Return one page of ``rows``, narrowed by the query string. ``context`` adds what the page's rows need together.

    Raises: ValidationError for a filter's value that is unusable, naming the parameter.
    """
    pages = Pages()
    rows = _with_total_order(_narrow(request, rows, filters))
    page = pages.paginate_queryset(rows, request) or []
    more = context(page) if context else {}
    return pages.get_paginated_response(serializer(page, many=True, context={"request": request, **more}).data)


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of rows of a list that has several. ``rows`` may be paged by ``id`` and by every column that orders."""

    rows: QuerySet[Any]
    filters: type[FilterSet]
    serializer: type[BaseSerializer[Any]]


def answer_merged_list(request: Request, *, parts: Sequence[Part], order_columns: Sequence[str]) -> Response:
    """Return one page of several kinds of rows in one order, narrowed by the query string.

    One statement counts, one finds the page's ids, and one reads the rows of each kind that the page has: the same
    number whatever the lists hold. ``order_columns`` are those that a filter's ordering may name.

    Raises: ValidationError as ``answer_list``.
    """
    narrowed = [_narrow(request, part.rows, part.filters) for part in parts]
    ordering = [*narrowed[0].query.order_by, "id"]
    keys = [
        rows.order_by().annotate(part_number=Value(number)).values_list("id", "part_number", *order_columns)
        for number, rows in enumerate(narrowed)
    ]
    pages = Pages()
    page: list[Any] = pages.paginate_queryset(keys[0].union(*keys[1:], all=True).order_by(*ordering), request) or []
    found: dict[tuple[int, Any], Any] = {}
    for number, part in enumerate(parts):
        ids = [row[0] for row in page if row[1] == number]
        if ids:
            rows = part.rows.filter(id__in=ids).order_by()
            shown = part.serializer(rows, many=True, context={"request": request}).data
            found.update({(number, str(row["id"])): row for row in shown})
    return pages.get_paginated_response([found[row[1], str(row[0])] for row in page if (row[1], str(row[0])) in found])


def answer_cursor_list(
    request: Request, *, rows: QuerySet[Any], filters: type[FilterSet], serializer: type[BaseSerializer[Any]]
) -> Response:
    """Return the part of a log that the cursor names: it grows while it is read, so pages by number would repeat rows.

    Raises: ValidationError as ``answer_list``.
    """
    cursor = Cursor()
    part = cursor.paginate_queryset(_narrow(request, rows, filters), request)
    return cursor.get_paginated_response(serializer(part, many=True, context={"request": request}).data)


def _narrow(request: Request, rows: QuerySet[Any], filters: type[FilterSet] | None) -> QuerySet[Any]:
    if filters is None:
        return rows
    narrowed = filters(request.query_params, queryset=rows, request=request)
    if not narrowed.is_valid():
        raise ValidationError(
            {
                name: [ErrorDetail(str(error.message), code=error.code or "invalid") for error in errors]
                for name, errors in narrowed.errors.as_data().items()
            }
        )
    return narrowed.qs


def _with_total_order(rows: QuerySet[Model]) -> QuerySet[Model]:
    """End every ordering with the key: rows that tie must not wander between pages."""
    return rows.order_by(*rows.query.order_by, "pk")
