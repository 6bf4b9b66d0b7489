"""The sessions of an event."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.clock import now
from tenant_apps.events.api.session_serializers import (
    AddedSessionsSerializer,
    SessionBulkSerializer,
    SessionSerializer,
    SessionWriteSerializer,
)
from tenant_apps.events.selectors.events import get_visible_event
from tenant_apps.events.services import editing as services


class SessionListView(View):
    """The sessions of one event: few enough for one page."""

    pagination_class = None
    permissions: ClassVar = {"get": Can.READ_EVENTS, "post": Can.MANAGE_EVENTS}

    @extend_schema(operation_id="events_events_sessions_list", responses=SessionSerializer(many=True))
    def get(self, request: Request, event_id: UUID) -> Response:
        """List the sessions, by start."""
        event = get_visible_event(user=actor(request), event_id=event_id)
        return Response(SessionSerializer(event.sessions.all(), many=True, context={"request": request}).data)

    @extend_schema(request=SessionWriteSerializer, responses={201: SessionSerializer})
    def post(self, request: Request, event_id: UUID) -> Response:
        """Add a session."""
        body = SessionWriteSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        session = services.add_session(by=actor(request), at=now(), event_id=event_id, session=body.validated_data)
        answer = SessionSerializer(session, context={"request": request}).data
        return Response(answer, status=status.HTTP_201_CREATED)


class SessionView(View):
    """One session of one event."""

    permissions: ClassVar = {"patch": Can.MANAGE_EVENTS, "delete": Can.MANAGE_EVENTS}

    @extend_schema(request=SessionWriteSerializer, responses=SessionSerializer)
    def patch(self, request: Request, event_id: UUID, session_id: UUID) -> Response:
        """Change a session; its times only while nobody was recorded at it."""
        body = SessionWriteSerializer(data=request.data, partial=True, context={"request": request})
        body.is_valid(raise_exception=True)
        session = services.update_session(
            by=actor(request), at=now(), event_id=event_id, session_id=session_id, changes=body.validated_data
        )
        return Response(SessionSerializer(session, context={"request": request}).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, event_id: UUID, session_id: UUID) -> Response:
        """Take away a session at which nobody was recorded."""
        services.remove_session(by=actor(request), at=now(), event_id=event_id, session_id=session_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionBulkView(View):
    """Many sessions at once."""

    permissions: ClassVar = {"post": Can.MANAGE_EVENTS}

    @extend_schema(
        request=SessionBulkSerializer, responses={200: AddedSessionsSerializer, 201: AddedSessionsSerializer}
    )
    def post(self, request: Request, event_id: UUID) -> Response:
        """Add up to 50 sessions, all or none: a list, or a pattern of wall times. A dry run answers 200."""
        body = SessionBulkSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        dry_run = body.validated_data["dry_run"]
        added = services.add_sessions(by=actor(request), at=now(), event_id=event_id, **body.validated_data)
        warnings = [
            {
                "code": overlap.kind.value,
                "detail": overlap.kind.label,
                "sessions": [added.compared[number] for number in (overlap.first, overlap.second)],
            }
            for overlap in added.overlaps
        ]
        answer = AddedSessionsSerializer(
            {"dry_run": dry_run, "sessions": added.sessions, "warnings": warnings},
            context={"request": request, "dry_run": dry_run},
        )
        return Response(answer.data, status=status.HTTP_200_OK if dry_run else status.HTTP_201_CREATED)
