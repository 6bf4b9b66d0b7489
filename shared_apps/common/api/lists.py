"""One way to answer a list: filter, then page."""

from typing import Any

from django.db.models import Model, QuerySet
from django_filters.filterset import FilterSet
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from shared_apps.common.api.pagination import Pages


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
    if filters is not None:
        narrowed = filters(request.query_params, queryset=rows, request=request)
        if not narrowed.is_valid():
            raise ValidationError(
                {
                    name: [ErrorDetail(str(error.message), code=error.code or "invalid") for error in errors]
                    for name, errors in narrowed.errors.as_data().items()
                }
            )
        rows = _with_total_order(narrowed.qs)
    pages = Pages()
    page = pages.paginate_queryset(rows, request)
    return pages.get_paginated_response(serializer(page, many=True, context={"request": request}).data)


def _with_total_order(rows: QuerySet[Model]) -> QuerySet[Model]:
    """End every ordering with the id: rows that tie must not wander between pages."""
    ordering = rows.query.order_by
    return rows if not ordering or "id" in ordering or "-id" in ordering else rows.order_by(*ordering, "id")
