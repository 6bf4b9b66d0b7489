"""Who is expected at an event, and who was."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.pagination import Cursor
from shared_apps.common.api.serializers import InstantField
from shared_apps.common.clock import now
from shared_apps.common.errors import NotFound
from tenant_apps.attendance.models import Expected
from tenant_apps.attendance.rules.rosters import MOST_PEOPLE, Walk
from tenant_apps.attendance.rules.scans import AttendanceStatus
from tenant_apps.attendance.selectors.roster import get_roster_event, list_expected, list_roster
from tenant_apps.events.rules.registrations import PlaceState


class RosterQuerySerializer(serializers.Serializer):
    """What of a roster is wanted."""

    modified_since = InstantField(required=False, help_text="Only what changed since: the ``as_of`` of an answer")
    cursor = serializers.CharField(max_length=300, required=False)

    def to_internal_value(self, data: Any) -> Any:
        # In a query string a plus that was not escaped is a space.
        moment = data.get("modified_since")
        if moment:
            data = {**data.dict(), "modified_since": moment.replace(" ", "+")}
        return super().to_internal_value(data)


class ListedSerializer(serializers.Serializer):
    """Somebody on the roster: what a door needs, and nothing else."""

    user = serializers.UUIDField(source="user_id")
    person_id = serializers.UUIDField(help_text="As passes have it")
    display_name = serializers.CharField()
    student_id = serializers.CharField(allow_null=True)
    department = serializers.CharField()
    program = serializers.CharField()
    year_level = serializers.IntegerField(allow_null=True)
    section = serializers.CharField()
    pass_serial = serializers.IntegerField(help_text="Passes with another serial were revoked")
    place = serializers.ChoiceField(
        choices=PlaceState.choices, allow_null=True, help_text="The state of their registration"
    )


class GoneSerializer(serializers.Serializer):
    """Somebody to take off the roster, where they are on it."""

    user = serializers.UUIDField(source="user_id")
    person_id = serializers.UUIDField()


class RosterSerializer(serializers.Serializer):
    """One page of a roster, or of what changed of it."""

    as_of = InstantField(help_text="Ask from here on the next time: ``modified_since``")
    is_complete = serializers.BooleanField(
        help_text="These pages are all of the roster: forget what you had; else they are what changed"
    )
    next = serializers.CharField(allow_null=True)
    results = ListedSerializer(many=True)
    gone = GoneSerializer(many=True)


class RosterPages(Cursor):
    """``page_size`` is at most 500."""

    page_size = MOST_PEOPLE
    max_page_size = MOST_PEOPLE


class RosterView(View):
    """Who is expected at an event."""

    permissions: ClassVar = {"get": Can.READ_ROSTER}
    pagination_class = None

    @extend_schema(
        parameters=[RosterQuerySerializer, OpenApiParameter("page_size", int, description="From 1 to 500")],
        responses=RosterSerializer,
    )
    def get(self, request: Request, event_id: UUID) -> Response:
        """Read the roster by cursor, or what changed of it since an answer's ``as_of``: people who are new, or other
        than before, and people who are gone.
        """
        query = RosterQuerySerializer(data=request.query_params, context={"request": request})
        query.is_valid(raise_exception=True)
        limit = RosterPages().get_page_size(request) or MOST_PEOPLE
        at = now()
        event = get_roster_event(user=actor(request), event_id=event_id, at=at)
        cursor = query.validated_data.get("cursor")
        walk = (
            Walk.decode(cursor)
            if cursor
            else Walk.begin(
                at=at,
                modified_since=query.validated_data.get("modified_since"),
                event_changed_at=event.updated_at,
            )
        )
        if walk is None:
            raise NotFound("Invalid cursor")
        people, rest = list_roster(event_id=event.pk, walk=walk, limit=limit)
        answer = {
            "as_of": walk.as_of,
            "is_complete": walk.since is None,
            "next": replace_query_param(request.build_absolute_uri(), "cursor", rest.encode()) if rest else None,
            "results": [one for one in people if one.belongs],
            "gone": [one for one in people if not one.belongs],
        }
        return Response(RosterSerializer(answer, context={"request": request}).data)


class ExpectedFilter(django_filters.FilterSet):
    """Narrow by what became of them, or by the group they were in."""

    status = django_filters.ChoiceFilter(choices=AttendanceStatus.choices)
    department = django_filters.CharFilter(max_length=100, lookup_expr="iexact")
    program = django_filters.CharFilter(max_length=100, lookup_expr="iexact")
    year_level = django_filters.NumberFilter(min_value=1, max_value=12)
    section = django_filters.CharFilter(max_length=40, lookup_expr="iexact")

    class Meta:
        model = Expected
        fields: tuple[str, ...] = ()


class ExpectedSerializer(serializers.ModelSerializer):
    """Somebody who was expected, with the group they were in when the session was closed, and what became of them."""

    display_name = serializers.CharField(source="user.display_name")
    student_id = serializers.CharField(source="user.student_id", allow_null=True)
    attendance = serializers.UUIDField(source="attendance_id", allow_null=True)
    status = serializers.ChoiceField(choices=AttendanceStatus.choices, allow_null=True)
    first_in_at = InstantField(allow_null=True)
    attended_at = serializers.CharField(
        allow_null=True, help_text="Code of another campus that counted them for the same event"
    )
    frozen_at = InstantField()

    class Meta:
        model = Expected
        fields = (
            "user", "display_name", "student_id", "department", "program", "year_level", "section", "attendance",
            "status", "first_in_at", "attended_at", "frozen_at",
        )  # fmt: skip


class ExpectedView(View):
    """Who was expected at a closed session."""

    permissions: ClassVar = {"get": Can.CORRECT_ATTENDANCE}
    filterset_class = ExpectedFilter

    @extend_schema(operation_id="events_events_sessions_expected_list", responses=ExpectedSerializer(many=True))
    def get(self, request: Request, event_id: UUID, session_id: UUID) -> Response:
        """List who was expected, by name, with what became of each. Known once the session was closed."""
        rows: QuerySet[Expected] = list_expected(user=actor(request), event_id=event_id, session_id=session_id)
        return answer_list(request, rows=rows, filters=ExpectedFilter, serializer=ExpectedSerializer)
