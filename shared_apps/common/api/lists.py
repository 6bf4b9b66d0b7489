"""One way to answer a list: filter, then page."""

from typing import Any

from django.db.models import Model, QuerySet
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
) -> Response:
    """Return one page of ``rows``, narrowed by the query string.

    Raises: ValidationError for a filter's value that is unusable, naming the parameter.
    """
    pages = Pages()
    rows = _with_total_order(_narrow(request, rows, filters))
    page = pages.paginate_queryset(rows, request)
    return pages.get_paginated_response(serializer(page, many=True, context={"request": request}).data)


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
