"""What a report is asked for, in the query string. What is unknown there is a 400, as in a body."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import actor
from shared_apps.common.api.pagination import Pages
from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.text import PRINTABLE
from tenant_apps.reports.rules import OF_DAYS, Figure, Per, Scope, period_of
from tenant_apps.reports.selectors.figures import Lines
from tenant_apps.reports.selectors.scopes import confine
from tenants.context import current_campus

# Read by the pages.
_OF_OTHERS: Final = frozenset({"page", "page_size"})
MOST_COMPARED: Final = 10
ROWS_PATH: Final = "/api/v1/reports/rows/"


class PeriodQuery(StrictSerializer):
    """From when until when."""

    since = InstantField(required=False, help_text="The first instant that counts")
    until = InstantField(required=False, help_text="The first instant that does not count any more")


class ScopeQuery(PeriodQuery):
    """What is counted; without anything, everything that you may see. Times are about when sessions start."""

    event = IdField(required=False)
    session = IdField(required=False)
    department = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    program = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    year_level = serializers.IntegerField(
        min_value=0, max_value=12, required=False, help_text="0: those of whom it is not known"
    )
    section = serializers.CharField(max_length=40, required=False, allow_blank=True, validators=[PRINTABLE])
    person = IdField(required=False, help_text="Their id in the federation, as the lines of per=person have it")
    home = serializers.CharField(
        max_length=16, required=False, allow_blank=True, validators=[PRINTABLE], help_text="Code of their campus"
    )


_SCOPE: Final = tuple(str(name) for name in ScopeQuery().fields)


class FiguresQuery(ScopeQuery):
    """And what there is a line for."""

    per = serializers.ChoiceField(choices=Per.choices, default=Per.TOTAL)


class RowsQuery(ScopeQuery):
    """And which figure's rows; without one, all."""

    figure = serializers.ChoiceField(choices=Figure.choices, required=False)


class ArrivalsQuery(ScopeQuery):
    """And how long a step is."""

    minutes = serializers.IntegerField(min_value=1, max_value=1440, default=5)


class IdsField(serializers.CharField):
    """Some ids, with commas between."""

    def to_internal_value(self, data: Any) -> list[UUID]:  # type: ignore[override]
        parts = super().to_internal_value(data).split(",")
        if not 1 <= len(parts) <= MOST_COMPARED:
            raise ValidationError(f"Name 1 to {MOST_COMPARED}.", "invalid")
        return [IdField().run_validation(part) for part in parts]


class PeriodsField(serializers.CharField):
    """Some periods, each as ``since/until``, with commas between."""

    def to_internal_value(self, data: Any) -> list[tuple[datetime, datetime]]:  # type: ignore[override]
        parts = [part.split("/") for part in super().to_internal_value(data).split(",")]
        if not 1 <= len(parts) <= MOST_COMPARED or any(len(ends) != 2 for ends in parts):
            raise ValidationError(f"Name 1 to {MOST_COMPARED}, each as since/until.", "invalid")
        found = []
        for ends in parts:
            instant = InstantField()
            instant.bind("periods", self.parent)
            since, until = (instant.run_validation(end) for end in ends)
            if since >= until:
                raise ValidationError("A period ends after it begins.", "invalid")
            found.append((since, until))
        return found


class ComparisonQuery(ScopeQuery):
    """What is compared with the first: events, or periods (terms); narrowed to groups, a person or a home."""

    event = session = since = until = None  # type: ignore[assignment]
    events = IdsField(max_length=1000, required=False, help_text="Up to ten ids, with commas between")
    periods = PeriodsField(
        max_length=1000, required=False, help_text="Up to ten, each since/until in ISO 8601, with commas between"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"events", "periods"} & attrs.keys()) != 1:
            raise ValidationError({"events": [ErrorDetail("Give exactly one of events and periods.", "invalid")]})
        return attrs


def read_query(request: Request, query: type[StrictSerializer]) -> dict[str, Any]:
    """Return the values of the query string.

    Raises: ValidationError.
    """
    given = {name: value for name, value in request.query_params.items() if name not in _OF_OTHERS}
    read = query(data=given, context={"request": request})
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def read_scope(request: Request, data: Mapping[str, Any]) -> Scope:
    """Return what is counted, as far as whoever asks may see it.

    Raises: EventNotFound, SessionNotFound.
    """
    scope = Scope(
        event_id=data.get("event"), session_id=data.get("session"), person_id=data.get("person"),
        **{name: data[name] for name in ("since", "until", "department", "program", "year_level", "section", "home")
           if name in data},
    )  # fmt: skip
    return confine(user=actor(request), scope=scope)


def name_rows(data: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, str]:
    """Return where the rows behind each figure of a line are read, by the name of the figure."""
    wanted = {name: data[name] for name in _SCOPE if name in data} | _narrowing(line, data)
    query = {name: value.isoformat() if name in {"since", "until"} else str(value) for name, value in wanted.items()}
    return {figure: f"{ROWS_PATH}?{urlencode({**query, 'figure': figure})}" for figure in Figure.values}


def _narrowing(line: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a line is for, as the query says it."""
    key: Mapping[str, Any] = line["key"]
    if line["per"] in OF_DAYS:
        day: date = key["day"]
        begins, ends = period_of(line["per"], day, current_campus().zone)
        return {
            "since": max(begins, data["since"]) if "since" in data else begins,
            "until": min(ends, data["until"]) if "until" in data else ends,
        }
    names = {Per.EVENT: ["event"], Per.SESSION: ["session"], Per.PERSON: ["person"]}.get(line["per"], [*key])
    return {name: key[name] for name in names if name in key}


class _Found:
    """What Django's paginator asks of a list, of lines that were read as one page with the count of all."""

    def __init__(self, count: int, first: int, lines: list[dict[str, Any]]) -> None:
        self._count, self._first, self._lines = count, first, lines

    def count(self) -> int:
        return self._count

    def __getitem__(self, part: slice) -> list[dict[str, Any]]:
        return self._lines[part.start - self._first : part.stop - self._first]


def answer_lines(request: Request, *, read: Any, show: Any) -> Response:
    """Return one page of what ``read(first=…, most=…)`` finds; the page and the count of all are one statement.

    Raises: NotFound for a page that is none.
    """
    pages = Pages()
    size = pages.get_page_size(request) or Pages.page_size
    text = request.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    if number < 1:
        raise NotFound("Invalid page.")
    first = (number - 1) * size
    found: Lines = read(first=first, most=size)
    if not found.lines and first:
        raise NotFound("Invalid page.")
    part: Any = _Found(found.count, first, found.lines)
    page: list[Any] = pages.paginate_queryset(part, request) or []
    return pages.get_paginated_response([show(line) for line in page])
