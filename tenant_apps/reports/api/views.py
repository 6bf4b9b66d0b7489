"""``reports/`` on a campus."""

from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.serializers import IdField
from shared_apps.common.clock import now
from tenant_apps.reports.api.queries import (
    ArrivalsQuery,
    ComparisonQuery,
    FiguresQuery,
    PeriodQuery,
    RowsQuery,
    answer_lines,
    name_rows,
    read_query,
    read_scope,
)
from tenant_apps.reports.api.serializers import (
    ArrivalSerializer,
    ComparedSerializer,
    EventReportSerializer,
    FiguresSerializer,
    ParticipationSerializer,
    RowSerializer,
    VisitsSerializer,
)
from tenant_apps.reports.errors import TooManySteps
from tenant_apps.reports.rules import Per, compare
from tenant_apps.reports.selectors.figures import read_lines
from tenant_apps.reports.selectors.rows import read_arrivals, read_rows
from tenant_apps.reports.selectors.scopes import get_reported_event
from tenant_apps.reports.selectors.transcripts import read_transcript
from tenant_apps.reports.selectors.visits import count_visits

_MOST_STEPS = 1000


class FiguresView(View):
    """``reports/figures/``"""

    permissions: ClassVar = {"get": Can.READ_REPORTS}

    @extend_schema(parameters=[FiguresQuery], responses=FiguresSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Count what became of everybody who was expected or came, one line for each event, session, group, person,
        campus, day, week or month. Organizers: of the events they run. ``rows`` leads to the people behind a figure.
        """
        data = read_query(request, FiguresQuery)
        scope = read_scope(request, data)
        return answer_lines(
            request,
            read=lambda **part: read_lines(scope=scope, per=data["per"], **part),
            show=lambda line: _show(request, data, line),
        )


class RowsView(View):
    """``reports/rows/``"""

    permissions: ClassVar = {"get": Can.READ_REPORTS}

    @extend_schema(parameters=[RowsQuery], responses=RowSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the people at sessions that a figure counts: as many as it says. Latest session first, then by name."""
        data = read_query(request, RowsQuery)
        scope = read_scope(request, data)
        return answer_lines(
            request,
            read=lambda **part: read_rows(scope=scope, figure=data.get("figure"), **part),
            show=lambda row: RowSerializer(row, context={"request": request}).data,
        )


class ArrivalsView(View):
    """``reports/arrivals/``"""

    pagination_class = None
    permissions: ClassVar = {"get": Can.READ_REPORTS}

    @extend_schema(parameters=[ArrivalsQuery], responses=OpenApiResponse(ArrivalSerializer(many=True)))
    def get(self, request: Request) -> Response:
        """Count first comings over time, in steps of ``minutes``. Steps in which nobody came are left out."""
        data = read_query(request, ArrivalsQuery)
        found = read_arrivals(scope=read_scope(request, data), seconds=data["minutes"] * 60, most=_MOST_STEPS)
        if len(found) > _MOST_STEPS:
            raise TooManySteps(attr="minutes")
        return Response(ArrivalSerializer(found, many=True, context={"request": request}).data)


class ComparisonView(View):
    """``reports/comparison/``"""

    pagination_class = None
    permissions: ClassVar = {"get": Can.READ_REPORTS}

    @extend_schema(parameters=[ComparisonQuery], responses=OpenApiResponse(ComparedSerializer(many=True)))
    def get(self, request: Request) -> Response:
        """Compare events, or periods such as terms, with the first that is named. One statement for each, of ten."""
        data = read_query(request, ComparisonQuery)
        asked = [{"event": event} for event in data.pop("events", ())] or [
            {"since": since, "until": until} for since, until in data.pop("periods")
        ]
        lines = [
            _with_rows({**data, **one}, read_lines(scope=read_scope(request, {**data, **one}), per=Per.TOTAL).lines[0])
            for one in asked
        ]
        compared = [
            {**one, "figures": line, "difference": compare(line, lines[0])}
            for one, line in zip(asked, lines, strict=True)
        ]
        return Response(ComparedSerializer(compared, many=True, context={"request": request}).data)


class EventReportView(View):
    """``reports/events/{pk}/``"""

    pagination_class = None
    permissions: ClassVar = {"get": Can.READ_REPORTS}

    @extend_schema(responses=EventReportSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read an event at a glance: all of it, session by session, and by the campuses its people came from."""
        event = get_reported_event(user=actor(request), event_id=pk)
        data = {"event": pk}
        scope = read_scope(request, data)
        lines = {per: read_lines(scope=scope, per=per).lines for per in (Per.TOTAL, Per.SESSION, Per.HOME)}
        shown = {per: [_with_rows(data, line) for line in found] for per, found in lines.items()}
        answer = {
            "event": event.pk,
            "title": event.title,
            "status": event.status,
            "as_of": now(),
            "is_settled": not event.sessions.filter(closed_at__isnull=True).exists(),
            "total": shown[Per.TOTAL][0],
            "sessions": shown[Per.SESSION][::-1],
            "homes": shown[Per.HOME],
        }
        return Response(EventReportSerializer(answer, context={"request": request}).data)


class VisitsQuery(PeriodQuery):
    """Which visits."""

    event = IdField(required=False, help_text="The shared event")


class VisitsView(View):
    """``reports/visits/``"""

    pagination_class = None
    permissions: ClassVar = {"get": Can.READ_REPORTS}

    @extend_schema(parameters=[VisitsQuery], responses=OpenApiResponse(VisitsSerializer(many=True)))
    def get(self, request: Request) -> Response:
        """Count the visits of this campus's people to others, of others' people here, and of its own at its shared
        events: each for its host and its home.
        """
        data = read_query(request, VisitsQuery)
        found = count_visits(event_id=data.get("event"), since=data.get("since"), until=data.get("until"))
        asked = {"event": data.get("event"), "after": data.get("since"), "before": data.get("until")}
        query = {
            name: value.isoformat() if hasattr(value, "isoformat") else str(value)
            for name, value in asked.items()
            if value
        }
        for line in found:
            narrowed = urlencode({"host": line["host"], "home": line["home"], **query})
            line["rows"] = f"/api/v1/federation/visits/?{narrowed}"
        return Response(VisitsSerializer(found, many=True, context={"request": request}).data)


class TranscriptQuery(PeriodQuery):
    """Whose, and from when until when; nobody for one's own."""

    user = IdField(required=False, help_text="Campus admins only: whose")


class TranscriptView(View):
    """``reports/transcript/``"""

    pagination_class = None
    permissions: ClassVar = {"get": Can.READ_TRANSCRIPT}

    @extend_schema(parameters=[TranscriptQuery], responses=ParticipationSerializer)
    def get(self, request: Request) -> Response:
        """Read everything that one took part in: here, on visits, and at the campus one was at before; newest first."""
        data = read_query(request, TranscriptQuery)
        found = read_transcript(
            by=actor(request), user_id=data.get("user"), since=data.get("since"), until=data.get("until")
        )
        person = found.pop("person")
        answer = {
            "user": person.pk,
            "student_id": person.student_id,
            "display_name": person.display_name,
            "as_of": now(),
            **found,
        }
        return Response(ParticipationSerializer(answer, context={"request": request}).data)


def _with_rows(data: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "rows": name_rows(data, line)}


def _show(request: Request, data: dict[str, Any], line: dict[str, Any]) -> Any:
    return FiguresSerializer(_with_rows(data, line), context={"request": request}).data
