"""Lists are pages of 20 as ``{count, next, previous, results}``."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """``page`` counts from 1, ``page_size`` is at most 100."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
