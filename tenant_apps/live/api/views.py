"""``live/``: what happens, as it happens, by server-sent events."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.clock import now
from tenant_apps.live.api.serializers import EventNewsSerializer, OwnNewsSerializer
from tenant_apps.live.errors import LiveElsewhere
from tenant_apps.live.hub import Stream
from tenant_apps.live.rules import Topic, read_cursor
from tenant_apps.live.server import LiveRequest, StreamResponse
from tenant_apps.reports.selectors.scopes import get_reported_event

_RESUMES = OpenApiParameter(
    "Last-Event-ID",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `id` of the last message: what came since is told, once. Unreadable or older than an hour: a new "
    "`snapshot`.",
)


class LiveView(View):
    """Base: whoever may see it is given a stream, if this is the live process."""

    pagination_class = None

    def open_stream(self, request: Request, topic: Topic) -> StreamResponse:
        """Answer with a stream about ``topic``, the right to which was looked at.

        Raises: LiveElsewhere, TooManyStreams.
        """
        if not isinstance(request._request, LiveRequest):
            raise LiveElsewhere(f"{LiveElsewhere.detail} Without one, it is on port {settings.LIVE_PORT}.")
        user = actor(request)
        stream = Stream(
            campus=request._request.campus,  # type: ignore[attr-defined]
            topic=topic,
            listener_id=user.pk,
            role=user.role,
            token_id=request.auth,  # type: ignore[arg-type]
            cursor=read_cursor(request.headers.get("Last-Event-ID", ""), at=int(now().timestamp())),
        )
        request._request.hub.reserve(stream)
        return StreamResponse(stream)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # Clients ask for text/event-stream; errors are JSON all the same.
        return super().perform_content_negotiation(request, force=True)


class EventLiveView(LiveView):
    """``live/events/{event_id}/``"""

    permissions: ClassVar = {"get": Can.FOLLOW_EVENTS}

    @extend_schema(parameters=[_RESUMES], responses={(200, "text/event-stream"): EventNewsSerializer})
    def get(self, request: Request, event_id: UUID) -> StreamResponse:
        """Follow an event: arrivals, refusals, corrections and counts per session, within a second of being recorded.

        Messages are `snapshot` (the first) and `news`, whose data is as below, and `end`, whose data is an error: the
        stream is closed and will not open again before that has changed. Served by the live process (docs:
        follow an event live).
        """
        get_reported_event(user=actor(request), event_id=event_id)
        return self.open_stream(request, Topic(event_id=event_id))


class OwnLiveView(LiveView):
    """``live/me/``"""

    permissions: ClassVar = {"get": Can.FOLLOW_ONESELF}

    @extend_schema(parameters=[_RESUMES], responses={(200, "text/event-stream"): OwnNewsSerializer})
    def get(self, request: Request) -> StreamResponse:
        """Follow oneself: one's own marks here and at other campuses, as they are recorded. Messages as of an event."""
        user = actor(request)
        return self.open_stream(request, Topic(user_id=user.pk, person_id=user.person_id))
