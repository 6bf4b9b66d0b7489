"""The JSON of events."""

from typing import Any
from zoneinfo import ZoneInfo

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules import MOST_SESSIONS, is_ongoing


class SessionSerializer(serializers.ModelSerializer):
    """One time window of an event in which presence is taken."""

    opens_at = InstantField()
    starts_at = InstantField()
    late_after = InstantField()
    ends_at = InstantField()
    closes_at = InstantField()

    class Meta:
        model = Session
        fields = ("id", "name", "opens_at", "starts_at", "late_after", "ends_at", "closes_at")


class EventSerializer(serializers.ModelSerializer):
    """An event as people of the campus see it."""

    date = serializers.SerializerMethodField(help_text="The day it starts, in the campus's zone")
    starts_at = InstantField()
    ends_at = InstantField()
    is_ongoing = serializers.SerializerMethodField()
    organizer_name = serializers.SerializerMethodField()
    campus = serializers.SerializerMethodField(help_text="Code of the campus that holds it")
    sessions = SessionSerializer(many=True)
    published_at = InstantField(allow_null=True)
    completed_at = InstantField(allow_null=True)
    cancelled_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        model = Event
        fields = (
            "id", "title", "description", "venue", "status", "date", "starts_at", "ends_at", "is_ongoing", "organizer",
            "organizer_name", "campus", "sessions", "cancel_reason", "published_at", "completed_at", "cancelled_at",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_date(self, event: Event) -> str:
        zone: ZoneInfo = self.context["request"].campus.zone
        return event.starts_at.astimezone(zone).date().isoformat()

    def get_is_ongoing(self, event: Event) -> bool:
        return is_ongoing(status=event.status, starts_at=event.starts_at, ends_at=event.ends_at, at=now())

    def get_organizer_name(self, event: Event) -> str | None:
        return event.organizer.display_name if event.organizer else None

    def get_campus(self, event: Event) -> str:
        return str(self.context["request"].campus.code)


class SessionWriteSerializer(StrictSerializer):
    """A session. By default it opens an hour before its start, is late after 15 minutes and closes as it ends."""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    starts_at = InstantField()
    ends_at = InstantField()
    opens_at = InstantField(required=False)
    late_after = InstantField(required=False)
    closes_at = InstantField(required=False)


class EventChangeSerializer(StrictSerializer):
    """What may be changed of an event; its sessions have a route of their own."""

    title = serializers.CharField(max_length=200, validators=[PRINTABLE])
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    venue = serializers.CharField(max_length=200, required=False, allow_blank=True, validators=[PRINTABLE])
    organizer_id = IdField(required=False, help_text="Campus admins only")


class EventCreateSerializer(EventChangeSerializer):
    """An event: with ``sessions``, or with ``starts_at`` and ``ends_at`` for a single one."""

    sessions = SessionWriteSerializer(many=True, required=False, allow_empty=False, max_length=MOST_SESSIONS)  # type: ignore[call-arg]
    starts_at = InstantField(required=False)
    ends_at = InstantField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        single = {name: attrs.pop(name) for name in ("starts_at", "ends_at") if name in attrs}
        if ("sessions" in attrs) == bool(single) or (single and len(single) != 2):
            problem = ErrorDetail(
                "Give either sessions, or starts_at and ends_at of the only one.", "sessions_or_times"
            )
            raise ValidationError({"sessions": [problem]})
        if single:
            attrs["sessions"] = [single]
        return attrs
