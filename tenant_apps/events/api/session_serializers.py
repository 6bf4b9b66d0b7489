"""The JSON of sessions, one and many."""

import datetime as dt
from datetime import timedelta
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from shared_apps.common.api.serializers import InstantField, StrictSerializer
from shared_apps.common.clock import EARLIEST, LATEST
from shared_apps.common.text import PRINTABLE
from tenant_apps.events.models import Session
from tenant_apps.events.rules.events import LATE_AFTER, LONGEST_SESSION, MOST_SESSIONS, OPENS_BEFORE, MissingCheckOut
from tenant_apps.events.rules.repetition import WEEKDAYS, OverlapKind, Pattern, Slot
from tenant_apps.events.services.editing import POLICY_FIELDS

_MOST_MINUTES: Final = int(LONGEST_SESSION.total_seconds()) // 60


class SharedSessionSerializer(serializers.ModelSerializer):
    """One time window of an event in which presence is taken, as far as other campuses see it."""

    opens_at = InstantField()
    starts_at = InstantField()
    late_after = InstantField()
    ends_at = InstantField()
    closes_at = InstantField()

    class Meta:
        model = Session
        fields: tuple[str, ...] = ("id", "name", "opens_at", "starts_at", "late_after", "ends_at", "closes_at")


class SessionSerializer(SharedSessionSerializer):
    """One time window of an event in which presence is taken, and what it asks of those who come."""

    closed_at = InstantField(
        allow_null=True, help_text="When absences were derived; who was expected is frozen since then"
    )

    class Meta(SharedSessionSerializer.Meta):
        fields = (*SharedSessionSerializer.Meta.fields, *POLICY_FIELDS, "closed_at")


class SessionPolicySerializer(StrictSerializer):
    """What a session asks of those who come."""

    requires_check_out = serializers.BooleanField(required=False, help_text="One must be scanned going out")
    missing_check_out = serializers.ChoiceField(
        choices=MissingCheckOut.choices, required=False,
        help_text="Where a check-out is required and missing: they stayed until the end, or left early",
    )  # fmt: skip
    allows_re_entry = serializers.BooleanField(required=False, help_text="One may come back after going")
    minimum_stay = serializers.IntegerField(
        min_value=1, max_value=_MOST_MINUTES, required=False, allow_null=True,
        help_text="Minutes inside that earn credit, at most the session's length; null for any",
    )  # fmt: skip


class SessionWriteSerializer(SessionPolicySerializer):
    """A session. By default it opens an hour before its start, is late after 15 minutes and closes as it ends."""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    starts_at = InstantField()
    ends_at = InstantField()
    opens_at = InstantField(required=False)
    late_after = InstantField(required=False)
    closes_at = InstantField(required=False)


class DayField(serializers.DateField):
    """A day of the campus, within the years that instants may have."""

    default_error_messages = {"out_of_range": "Must lie between the years 2000 and 2100."}

    def to_internal_value(self, value: Any) -> dt.date:
        day: dt.date = super().to_internal_value(value)
        if not EARLIEST.date() < day < LATEST.date() - timedelta(days=7):
            self.fail("out_of_range")
        return day


class SlotSerializer(SessionPolicySerializer):
    """One session of every day of a pattern, in wall time of the campus."""

    name = serializers.CharField(max_length=100, default="", allow_blank=True, validators=[PRINTABLE])
    starts = serializers.TimeField(input_formats=["%H:%M"], help_text="HH:MM")
    ends = serializers.TimeField(input_formats=["%H:%M"], help_text="HH:MM; at or before starts: on the next day")
    opens_minutes_before = serializers.IntegerField(
        min_value=0, max_value=_MOST_MINUTES, default=int(OPENS_BEFORE.total_seconds()) // 60
    )
    late_after_minutes = serializers.IntegerField(
        min_value=0, max_value=_MOST_MINUTES, default=int(LATE_AFTER.total_seconds()) // 60
    )
    closes_minutes_after = serializers.IntegerField(min_value=0, max_value=_MOST_MINUTES, default=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {
            "slot": Slot(
                starts=attrs["starts"],
                ends=attrs["ends"],
                name=attrs["name"],
                opens_before=timedelta(minutes=attrs["opens_minutes_before"]),
                late_after=timedelta(minutes=attrs["late_after_minutes"]),
                closes_after=timedelta(minutes=attrs["closes_minutes_after"]),
                policy={name: attrs[name] for name in POLICY_FIELDS if name in attrs},
            )
        }


class PatternSerializer(StrictSerializer):
    """The same slots on several days: until ``last_day``, or on ``count`` days."""

    first_day = DayField()
    last_day = DayField(required=False)
    count = serializers.IntegerField(min_value=1, max_value=MOST_SESSIONS, required=False, help_text="Number of days")
    weekdays = serializers.ListField(
        child=serializers.ChoiceField(choices=WEEKDAYS), required=False, max_length=len(WEEKDAYS),
        help_text="Only on these; every day without it",
    )  # fmt: skip
    slots = SlotSerializer(many=True, allow_empty=False, max_length=MOST_SESSIONS)  # type: ignore[call-arg]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("last_day" in attrs) == ("count" in attrs):
            problem = ErrorDetail("Give either last_day or count.", "last_day_or_count")
            raise ValidationError({"last_day": [problem]})
        return {
            "pattern": Pattern(
                first_day=attrs["first_day"],
                last_day=attrs.get("last_day"),
                count=attrs.get("count"),
                weekdays=frozenset(attrs.get("weekdays", ())),
                slots=[row["slot"] for row in attrs["slots"]],
            )
        }


class SessionBulkSerializer(StrictSerializer):
    """Several sessions: a list, or a pattern."""

    sessions = SessionWriteSerializer(many=True, required=False, allow_empty=False, max_length=MOST_SESSIONS)  # type: ignore[call-arg]
    pattern = PatternSerializer(required=False)
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would be added")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("sessions" in attrs) == ("pattern" in attrs):
            problem = ErrorDetail("Give either sessions or a pattern.", "sessions_or_pattern")
            raise ValidationError({"sessions": [problem]})
        sessions = attrs["sessions"] if "sessions" in attrs else attrs["pattern"]["pattern"]
        return {"sessions": sessions, "dry_run": attrs["dry_run"]}


class PlannedSessionSerializer(SessionSerializer):
    """A session that was added, or would be."""

    id = serializers.SerializerMethodField(help_text="Null in a dry run")

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_id(self, session: Session) -> str | None:
        return None if self.context["dry_run"] else str(session.pk)


class OverlappingSessionSerializer(serializers.ModelSerializer):
    """One of two sessions that are in each other's way; in a dry run it may have no id."""

    starts_at = InstantField()
    ends_at = InstantField()

    class Meta:
        model = Session
        fields = ("name", "starts_at", "ends_at")


class OverlapSerializer(serializers.Serializer):
    """Two sessions of the event that are in each other's way."""

    code = serializers.ChoiceField(choices=OverlapKind.choices)
    detail = serializers.CharField()
    sessions = OverlappingSessionSerializer(many=True)


class AddedSessionsSerializer(serializers.Serializer):
    """What was added, or would be, and what deserves a look."""

    dry_run = serializers.BooleanField()
    sessions = PlannedSessionSerializer(many=True)
    warnings = OverlapSerializer(many=True)
