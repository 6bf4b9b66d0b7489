"""Places at an event: one's own, and all of them for who runs it."""

from typing import ClassVar
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.filters import BooleanFilter
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import InstantField, ReasonSerializer
from shared_apps.common.clock import now
from tenant_apps.events.models import Registration
from tenant_apps.events.rules.registrations import PlaceState
from tenant_apps.events.selectors.registrations import get_run_event, list_own_places, list_places
from tenant_apps.events.services import registrations as services


class OwnPlaceSerializer(serializers.ModelSerializer):
    """One's own place, waiting place or request."""

    event_title = serializers.CharField(source="event.title")
    event_starts_at = InstantField(source="event.starts_at")
    position = serializers.IntegerField(allow_null=True, help_text="On the waiting list, from 1")
    requested_at = InstantField()
    waiting_since = InstantField(allow_null=True)
    promoted_at = InstantField(allow_null=True)
    decided_at = InstantField(allow_null=True)

    class Meta:
        model = Registration
        fields = (
            "id", "event", "event_title", "event_starts_at", "state", "position", "is_walk_in", "requested_at",
            "waiting_since", "promoted_at", "decided_at", "reason",
        )  # fmt: skip


class PlaceSerializer(serializers.ModelSerializer):
    """A place as who runs the event sees it: of a person of the campus or of a guest."""

    display_name = serializers.SerializerMethodField()
    student_id = serializers.CharField(source="user.student_id", default=None, allow_null=True)
    position = serializers.IntegerField(allow_null=True, help_text="On the waiting list, from 1")
    requested_at = InstantField()
    waiting_since = InstantField(allow_null=True)
    promoted_at = InstantField(allow_null=True)
    decided_at = InstantField(allow_null=True)
    decided_by = serializers.UUIDField(source="decided_by_id", allow_null=True)

    class Meta:
        model = Registration
        fields = (
            "id", "event", "user", "guest", "display_name", "student_id", "state", "position", "is_walk_in",
            "requested_at", "waiting_since", "promoted_at", "decided_at", "decided_by", "reason",
        )  # fmt: skip

    def get_display_name(self, place: Registration) -> str:
        found = place.user or place.guest
        return found.display_name if found else ""


class PlaceFilter(django_filters.FilterSet):
    """``search`` looks in the names and student ids of people and in the names of guests; every word must be found."""

    search = django_filters.CharFilter(method="find", max_length=64, label="Words in name, username and student id")
    state = django_filters.ChoiceFilter(choices=PlaceState.choices)
    is_walk_in = BooleanFilter()
    ordering = django_filters.OrderingFilter(
        fields=(("requested_at", "requested_at"), ("waiting_since", "waiting_since"), ("state", "state"))
    )

    class Meta:
        model = Registration
        fields: tuple[str, ...] = ()

    def find(self, places: QuerySet[Registration], _: str, text: str) -> QuerySet[Registration]:
        for word in text.split()[:5]:
            places = places.filter(
                Q(user__last_name__icontains=word) | Q(user__first_name__icontains=word)
                | Q(user__username__icontains=word) | Q(user__student_id__istartswith=word)
                | Q(guest__name__icontains=word)
            )  # fmt: skip
        return places


class OwnPlaceListView(View):
    """``events/registrations/``"""

    permissions: ClassVar = {"get": Can.REGISTER}

    @extend_schema(operation_id="events_registrations_list", responses=OwnPlaceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List one's own places, newest first. Those at other campuses' events are at ``federation/registrations/``."""
        rows = list_own_places(actor(request))
        return answer_list(request, rows=rows, filters=None, serializer=OwnPlaceSerializer)


class PlaceListView(View):
    """``events/events/{id}/registrations/``"""

    filterset_class = PlaceFilter
    permissions: ClassVar = {"get": Can.MANAGE_REGISTRATIONS, "post": Can.REGISTER}

    @extend_schema(operation_id="events_events_registrations_list", responses=PlaceSerializer(many=True))
    def get(self, request: Request, event_id: UUID) -> Response:
        """List the places, waiting places and requests at an event that one runs."""
        rows = list_places(get_run_event(user=actor(request), event_id=event_id))
        return answer_list(request, rows=rows, filters=PlaceFilter, serializer=PlaceSerializer)

    @extend_schema(request=None, responses={201: OwnPlaceSerializer, 200: OwnPlaceSerializer})
    def post(self, request: Request, event_id: UUID) -> Response:
        """Take one's own place, a waiting place where all are taken, or ask for approval: 201; 200 where one has it."""
        _, is_new = services.register(by=actor(request), at=now(), event_id=event_id)
        return _answer_own(request, event_id, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class WithdrawView(View):
    """``events/events/{id}/registrations/withdraw/``"""

    permissions: ClassVar = {"post": Can.REGISTER}

    @extend_schema(request=None, responses=OwnPlaceSerializer)
    def post(self, request: Request, event_id: UUID) -> Response:
        """Give one's own place back; the next who waits gets it."""
        services.withdraw(by=actor(request), at=now(), event_id=event_id)
        return _answer_own(request, event_id, status.HTTP_200_OK)


class ApproveView(View):
    """``events/events/{id}/registrations/{id}/approve/``"""

    permissions: ClassVar = {"post": Can.MANAGE_REGISTRATIONS}

    @extend_schema(request=None, responses=PlaceSerializer)
    def post(self, request: Request, event_id: UUID, registration_id: UUID) -> Response:
        """Approve a request; where all places are taken the person waits."""
        services.approve_place(by=actor(request), at=now(), event_id=event_id, registration_id=registration_id)
        return _answer_place(request, event_id, registration_id)


class DeclineView(View):
    """``events/events/{id}/registrations/{id}/decline/``"""

    permissions: ClassVar = {"post": Can.MANAGE_REGISTRATIONS}

    @extend_schema(request=ReasonSerializer, responses=PlaceSerializer)
    def post(self, request: Request, event_id: UUID, registration_id: UUID) -> Response:
        """Decline a request, or take a place away, with a reason that the person is told."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.decline_place(
            by=actor(request), at=now(), event_id=event_id, registration_id=registration_id,
            reason=body.validated_data["reason"],
        )  # fmt: skip
        return _answer_place(request, event_id, registration_id)


def _answer_own(request: Request, event_id: UUID, code: int) -> Response:
    place = list_own_places(actor(request)).get(event_id=event_id)
    return Response(OwnPlaceSerializer(place, context={"request": request}).data, status=code)


def _answer_place(request: Request, event_id: UUID, registration_id: UUID) -> Response:
    place = list_places(get_run_event(user=actor(request), event_id=event_id)).get(pk=registration_id)
    return Response(PlaceSerializer(place, context={"request": request}).data)
