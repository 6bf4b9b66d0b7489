"""``events/events/``."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import Part, answer_merged_list
from shared_apps.common.api.serializers import OptionalReasonSerializer, ReasonSerializer
from shared_apps.common.clock import now
from shared_apps.federation.selectors import get_invited_event, list_invited_events
from tenant_apps.events.api.filters import EventFilter, InvitedEventFilter
from tenant_apps.events.api.serializers import (
    EventChangeSerializer,
    EventCreateSerializer,
    EventSerializer,
    InvitedEventSerializer,
)
from tenant_apps.events.models import Event
from tenant_apps.events.selectors.events import find_visible_event, get_visible_event, list_visible_events
from tenant_apps.events.services import editing as services


class EventViewSet(ViewSet):
    """Events of this campus."""

    queryset = Event.objects.none()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Can.READ_EVENTS,
        "retrieve": Can.READ_EVENTS,
        "create": Can.MANAGE_EVENTS,
        "partial_update": Can.MANAGE_EVENTS,
        "destroy": Can.MANAGE_EVENTS,
        "publish": Can.MANAGE_EVENTS,
        "complete": Can.MANAGE_EVENTS,
        "reopen": Can.MANAGE_EVENTS,
        "cancel": Can.MANAGE_EVENTS,
    }

    @extend_schema(responses=EventSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List events: what was published, for organizers also their own drafts, for campus admins all; and those of
        other campuses that invite this one.
        """
        own = Part(list_visible_events(actor(request)), EventFilter, EventSerializer)
        invited = Part(list_invited_events(), InvitedEventFilter, InvitedEventSerializer)
        columns = ("starts_at", "title", "created_at", "status")
        return answer_merged_list(request, parts=[own, invited], order_columns=columns)

    @extend_schema(responses=EventSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one event, of this campus or of one that invites it."""
        event = find_visible_event(user=actor(request), event_id=pk)
        if event is not None:
            return Response(EventSerializer(event, context={"request": request}).data)
        return Response(InvitedEventSerializer(get_invited_event(pk), context={"request": request}).data)

    @extend_schema(request=EventCreateSerializer, responses={201: EventSerializer})
    def create(self, request: Request) -> Response:
        """Create a draft, which one then runs oneself."""
        body = EventCreateSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        event = services.create_event(by=actor(request), at=now(), **body.validated_data)
        return _answer(request, event.pk, status.HTTP_201_CREATED)

    @extend_schema(request=EventChangeSerializer, responses=EventSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change an event that one runs."""
        body = EventChangeSerializer(data=request.data, partial=True, context={"request": request})
        body.is_valid(raise_exception=True)
        services.update_event(by=actor(request), at=now(), event_id=pk, changes=body.validated_data)
        return _answer(request, pk)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a draft. What was published is cancelled, never deleted."""
        services.delete_draft(by=actor(request), at=now(), event_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=EventSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: UUID) -> Response:
        """Show a draft to everybody of the campus."""
        services.publish_event(by=actor(request), at=now(), event_id=pk)
        return _answer(request, pk)

    @extend_schema(request=OptionalReasonSerializer, responses=EventSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: UUID) -> Response:
        """Close an event: no presence is recorded from now on. While sessions have not begun it needs a reason."""
        body = OptionalReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.complete_event(by=actor(request), at=now(), event_id=pk, reason=body.validated_data["reason"])
        return _answer(request, pk)

    @extend_schema(request=ReasonSerializer, responses=EventSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: UUID) -> Response:
        """Publish a completed event again, with a reason: scans are accepted; what was closed stays closed."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.reopen_event(by=actor(request), at=now(), event_id=pk, reason=body.validated_data["reason"])
        return _answer(request, pk)

    @extend_schema(request=ReasonSerializer, responses=EventSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Call a published event off, with a reason; what was recorded stays."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.cancel_event(by=actor(request), at=now(), event_id=pk, reason=body.validated_data["reason"])
        return _answer(request, pk)


def _answer(request: Request, event_id: UUID, code: int = status.HTTP_200_OK) -> Response:
    event = get_visible_event(user=actor(request), event_id=event_id)
    return Response(EventSerializer(event, context={"request": request}).data, status=code)
