"""Calendars of one event, and of one's own: for apps that cannot sign in, under a secret address."""

import hashlib
from typing import Any, ClassVar, Final
from urllib.parse import urljoin
from uuid import UUID

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.files import answer_file
from shared_apps.common.api.serializers import InstantField
from shared_apps.common.clock import now
from shared_apps.common.network import client_address
from tenant_apps.events.rules.calendars import Entry, write_calendar
from tenant_apps.events.selectors.calendars import find_feed, list_event_entries, list_own_entries
from tenant_apps.events.services.calendars import end_feed, open_feed, renew_feed
from tenants.context import current_campus
from tenants.registry import confirm_current_campus

_MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_ICS: Final = {(200, "text/calendar"): OpenApiResponse(OpenApiTypes.STR, "iCalendar, RFC 5545")}


class CalendarView(View):
    """Answers a calendar, whatever the caller says it accepts: apps that subscribe say anything."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    def answer(self, request: Request, entries: list[Entry], *, name: str, file_name: str) -> HttpResponseBase:
        """Return the calendar, or 304. An ETag alone: what was taken out leaves no time when it changed."""

        def address_of(event_id: UUID) -> str:
            return urljoin(request.build_absolute_uri(), reverse("event-detail", args=[event_id]))

        content = write_calendar(entries, name=name, zone=current_campus().zone, address_of=address_of)
        return answer_file(
            request, content, media_type=_MEDIA_TYPE, name=file_name, digest=hashlib.sha256(content).hexdigest()
        )


class EventCalendarView(CalendarView):
    """``events/events/{id}/ical/``"""

    permissions: ClassVar = {"get": Can.READ_EVENTS}

    @extend_schema(responses=_ICS)
    def get(self, request: Request, event_id: UUID) -> HttpResponseBase:
        """Save the sessions of an event for a calendar, of this campus or of one that invites it."""
        title, entries = list_event_entries(user=actor(request), event_id=event_id)
        return self.answer(request, entries, name=title, file_name=f"event-{event_id.hex[:8]}.ics")


class FeedSerializer(serializers.Serializer):
    """One's own calendar."""

    created_at = InstantField(allow_null=True, help_text="null: it has no address")


class NewFeedSerializer(FeedSerializer):
    """The same with its address, which is shown this once."""

    url = serializers.CharField(help_text="For a calendar app to subscribe to. Whoever knows it can read the calendar")


class OwnCalendarView(View):
    """``events/calendar/``"""

    takes_idempotency_key = False  # the answer holds a secret, and would be kept with the key
    permissions: ClassVar = dict.fromkeys(("get", "post", "delete"), Can.HAVE_CALENDAR)

    @extend_schema(operation_id="events_calendar_retrieve", responses=FeedSerializer)
    def get(self, request: Request) -> Response:
        """Read since when one's own calendar has its address."""
        feed = find_feed(actor(request))
        body = {"created_at": feed.created_at if feed else None}
        return Response(FeedSerializer(body, context={"request": request}).data)

    @extend_schema(request=None, responses={201: NewFeedSerializer})
    def post(self, request: Request) -> Response:
        """Give one's own calendar an address, or another one: the address before opens nothing any more."""
        at = now()
        secret = renew_feed(by=actor(request), at=at)
        url = request.build_absolute_uri(reverse("calendar-feed", args=[secret]))
        return Response(NewFeedSerializer({"url": url, "created_at": at}, context={"request": request}).data, 201)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """End the address of one's own calendar."""
        end_feed(by=actor(request), at=now())
        return Response(status=204)


class FeedView(CalendarView):
    """``events/calendar/{secret}.ics``"""

    permissions: ClassVar = {"get": Can.ANYONE}
    authentication_classes = []

    @extend_schema(operation_id="events_calendar_feed", responses=_ICS, auth=[])
    def get(self, request: Request, secret: str) -> HttpResponseBase:
        """Read somebody's calendar by its secret address: the events where they have a place, are expected or were
        counted, here and at other campuses, and those that they run.
        """
        confirm_current_campus()
        at = now()
        owner = open_feed(secret=secret, address=client_address(request._request), at=at)
        entries = list_own_entries(user=owner, at=at)
        return self.answer(request, entries, name=current_campus().name, file_name="calendar.ics")
