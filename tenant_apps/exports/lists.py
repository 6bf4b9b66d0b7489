"""A list of the API, read by a worker as the person would read it.

What is exported is what the list answers: the same view is called, page after page, so permission, filters, order and
fields are those of the list, and no second way to ask for rows can drift from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.urls import Resolver404, resolve

from shared_apps.accounts.models import User
from tenant_apps.exports.errors import ListRefused, MissingFilter, UnknownFilter
from tenant_apps.exports.rules.datasets import Dataset
from tenants.context import current_campus

PAGE: Final = 2000


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. ``count`` is of all of it, None where the list does not say; ``following`` is the query of the
    next part, None at the end.
    """

    rows: list[Mapping[str, Any]]
    count: int | None
    following: str | None


def read_page(
    *, user: User, dataset: Dataset, filters: Mapping[str, str], query: str | None = None,
    most: int | None = None,
) -> Page:  # fmt: skip
    """Return the first page of a list as ``user`` sees it, or that of ``query``, of at most so many rows.

    Raises: UnknownFilter, MissingFilter; ListRefused with what the list answers.
    """
    for name in filters:
        if name not in dataset.filters:
            raise UnknownFilter(attr=f"filters.{name}")
    for name in dataset.needed:
        if name not in filters:
            raise MissingFilter(attr=f"filters.{name}")
    asked = urlencode({name: value for name, value in filters.items() if name not in dataset.needed})
    answer = _call(user, _path(dataset, filters), asked if query is None else query, most or PAGE)
    if answer.status_code >= 400:
        first = answer.data["errors"][0]
        raise ListRefused(first["detail"], status=answer.status_code, code=first["code"], attr=first["attr"])
    data = answer.data[dataset.part] if dataset.part else answer.data
    if isinstance(data, list):
        return Page(rows=data, count=len(data), following=None)
    link = data["next"]
    return Page(rows=data["results"], count=data.get("count"), following=urlsplit(link).query if link else None)


def read_pages(*, user: User, dataset: Dataset, filters: Mapping[str, str]) -> Iterator[Page]:
    """Yield the pages of a list, each when it is asked for. Raises: as ``read_page``."""
    page = read_page(user=user, dataset=dataset, filters=filters)
    yield page
    while page.following is not None:
        page = read_page(user=user, dataset=dataset, filters=filters, query=page.following)
        yield page


def _path(dataset: Dataset, filters: Mapping[str, str]) -> str:
    """Return the path of the list; an id in it that is none is an unknown filter value, not a path of its own."""
    ids = {}
    for name in dataset.needed:
        try:
            ids[name] = UUID(filters[name])
        except ValueError:
            raise ListRefused("Must be a valid UUID.", status=400, code="invalid", attr=f"filters.{name}") from None
    return f"/api/v1/{dataset.path.format(**ids)}"


def _call(user: User, path: str, query: str, most: int) -> Any:
    """Call the view of ``path`` as ``user``, within this process and transaction."""
    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", path, path
    # The link to the next page is made of these.
    request.META = {
        "REQUEST_METHOD": "GET", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "QUERY_STRING": query,
    }  # fmt: skip
    request.GET = QueryDict(query)
    request.campus = current_campus()  # type: ignore[attr-defined]
    request.urlconf = settings.CAMPUS_URLCONF
    request.rows_of_a_page = most  # type: ignore[attr-defined]
    # Django REST framework's own way to say who asks; the view looks at the role as always.
    request._force_auth_user = user  # type: ignore[attr-defined]
    try:
        match = resolve(path, urlconf=settings.CAMPUS_URLCONF)
    except Resolver404:
        raise ListRefused("Not found.", status=404, code="not_found", attr=None) from None
    return match.func(request, *match.args, **match.kwargs)
