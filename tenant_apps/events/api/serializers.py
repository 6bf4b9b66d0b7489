"""The JSON of events."""

from typing import Any
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE, check_paragraphs
from shared_apps.federation.models import FederatedEvent
from shared_apps.federation.rules import MOST_INVITATIONS
from tenant_apps.events.api.session_serializers import (
    SessionSerializer,
    SessionWriteSerializer,
    SharedSessionSerializer,
)
from tenant_apps.events.models import Event
from tenant_apps.events.rules.audience import MOST_ROWS
from tenant_apps.events.rules.events import MOST_SESSIONS, is_ongoing
from tenant_apps.events.rules.registrations import MOST_PLACES, RegistrationMode


class AudienceRowSerializer(StrictSerializer):
    """Some people of a campus: whoever has all the parts that are given, as their profile says it, in any case."""

    department = serializers.CharField(max_length=100, required=False, validators=[PRINTABLE])
    program = serializers.CharField(max_length=100, required=False, validators=[PRINTABLE])
    year_level = serializers.IntegerField(min_value=1, max_value=12, required=False)
    section = serializers.CharField(max_length=40, required=False, validators=[PRINTABLE])

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise ValidationError("Give at least one part; an empty list means everybody.", "empty_row")
        return attrs


class DegreesField(serializers.FloatField):
    """A number of degrees. DRF would also take the text of one, and "NaN"."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class EventSerializer(serializers.ModelSerializer):
    """An event as people of the campus see it."""

    date = serializers.SerializerMethodField(help_text="The day it starts, in the campus's zone")
    starts_at = InstantField()
    ends_at = InstantField()
    is_ongoing = serializers.SerializerMethodField()
    organizer_name = serializers.SerializerMethodField()
    campus = serializers.SerializerMethodField(help_text="Code of the campus that holds it")
    is_federated = serializers.SerializerMethodField(help_text="Whether another campus holds it and invites this one")
    federated_event = serializers.UUIDField(source="federated_event_id", allow_null=True)
    allowed_campuses = serializers.SerializerMethodField(help_text="Codes of the campuses that may come")
    campus_seats = serializers.SerializerMethodField(help_text="Seats by campus code, null for no limit")
    sessions = SessionSerializer(many=True)
    registration_opens_at = InstantField(allow_null=True)
    registration_closes_at = InstantField(allow_null=True)
    releases_seats_at = InstantField(allow_null=True)
    audience = AudienceRowSerializer(many=True, help_text="Whom it expects; empty: everybody")
    published_at = InstantField(allow_null=True)
    completed_at = InstantField(allow_null=True)
    cancelled_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        model = Event
        fields = (
            "id", "title", "description", "venue", "status", "date", "starts_at", "ends_at", "is_ongoing", "organizer",
            "organizer_name", "campus", "is_federated", "is_multi_campus", "federated_event", "allowed_campuses",
            "campus_seats", "sessions", "registration", "capacity", "registration_opens_at", "registration_closes_at",
            "allows_walk_ins", "allows_guests", "releases_seats_at", "is_required", "audience", "takes_venue_code",
            "needs_rotating_pass", "latitude", "longitude", "cancel_reason", "published_at", "completed_at",
            "cancelled_at", "created_at", "updated_at",
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

    def get_is_federated(self, event: Event) -> bool:
        return False

    def get_allowed_campuses(self, event: Event) -> list[str]:
        return [row["campus"] for row in event.invitations]

    @extend_schema_field({"type": "object", "additionalProperties": {"type": ["integer", "null"]}})
    def get_campus_seats(self, event: Event) -> dict[str, int | None]:
        return {row["campus"]: row["seats"] for row in event.invitations}


class InvitedEventSerializer(EventSerializer):
    """The same shape for an event of another campus. Of who else is invited, and who runs it, it says nothing; nor of
    the host's own places: visitors take theirs at ``federation/registrations/``.
    """

    organizer = serializers.SerializerMethodField()
    sessions = SharedSessionSerializer(many=True, source="session_values")  # type: ignore[assignment]
    federated_event = serializers.UUIDField(source="id")
    is_multi_campus = serializers.SerializerMethodField()
    # The shared copy has none of these.
    registration = serializers.ChoiceField(
        choices=RegistrationMode.choices, read_only=True, default=RegistrationMode.OPEN.value
    )
    capacity = serializers.IntegerField(read_only=True, default=None, allow_null=True)
    registration_opens_at = InstantField(read_only=True, default=None, allow_null=True)
    registration_closes_at = InstantField(read_only=True, default=None, allow_null=True)
    allows_walk_ins = serializers.BooleanField(read_only=True, default=True)
    allows_guests = serializers.BooleanField(read_only=True, default=False)
    releases_seats_at = InstantField(read_only=True, default=None, allow_null=True)
    is_required = serializers.BooleanField(read_only=True, default=False)
    audience = AudienceRowSerializer(many=True, read_only=True, default=list)
    takes_venue_code = serializers.BooleanField(read_only=True, default=False)
    needs_rotating_pass = serializers.BooleanField(read_only=True, default=False)
    latitude = serializers.FloatField(read_only=True, default=None, allow_null=True)
    longitude = serializers.FloatField(read_only=True, default=None, allow_null=True)

    def get_organizer(self, event: FederatedEvent) -> None:
        return None

    def get_organizer_name(self, event: FederatedEvent) -> None:  # type: ignore[override]
        return None

    def get_campus(self, event: FederatedEvent) -> str:  # type: ignore[override]
        return event.host

    def get_is_federated(self, event: FederatedEvent) -> bool:  # type: ignore[override]
        return True

    def get_is_multi_campus(self, event: FederatedEvent) -> bool:
        return True

    def get_allowed_campuses(self, event: FederatedEvent) -> list[str]:  # type: ignore[override]
        return [str(self.context["request"].campus.code)]

    def get_campus_seats(self, event: FederatedEvent) -> dict[str, int | None]:  # type: ignore[override]
        return {}


class EventChangeSerializer(StrictSerializer):
    """What may be changed of an event; its sessions have a route of their own."""

    title = serializers.CharField(max_length=200, validators=[PRINTABLE])
    description = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, validators=[check_paragraphs]
    )
    venue = serializers.CharField(max_length=200, required=False, allow_blank=True, validators=[PRINTABLE])
    organizer_id = IdField(required=False, help_text="Campus admins only")
    is_multi_campus = serializers.BooleanField(required=False, help_text="Whether other campuses may come")
    allowed_campuses = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, max_length=MOST_INVITATIONS,
        help_text="Codes of the campuses that may come",
    )  # fmt: skip
    campus_seats = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=100_000, allow_null=True), required=False,
        help_text="Seats by campus code; null or missing for no limit",
    )  # fmt: skip
    registration = serializers.ChoiceField(
        choices=RegistrationMode.choices, required=False, help_text="How one comes by a place"
    )
    capacity = serializers.IntegerField(
        min_value=1, max_value=MOST_PLACES, required=False, allow_null=True,
        help_text="Places, those of guests included; null for no limit",
    )  # fmt: skip
    registration_opens_at = InstantField(required=False, allow_null=True)
    registration_closes_at = InstantField(
        required=False, allow_null=True, help_text="At the event's end if nothing is said"
    )
    allows_walk_ins = serializers.BooleanField(required=False, help_text="Whether staff may give places at the door")
    allows_guests = serializers.BooleanField(
        required=False, help_text="Whether people without an account may register themselves"
    )
    releases_seats_at = InstantField(
        required=False, allow_null=True, help_text="When places of those who have not come go to those who wait"
    )
    is_required = serializers.BooleanField(required=False, help_text="Whether those of the audience are expected")
    audience = AudienceRowSerializer(many=True, required=False, max_length=MOST_ROWS)  # type: ignore[call-arg]
    takes_venue_code = serializers.BooleanField(required=False)
    needs_rotating_pass = serializers.BooleanField(required=False)
    latitude = DegreesField(min_value=-90, max_value=90, required=False, allow_null=True)
    longitude = DegreesField(min_value=-180, max_value=180, required=False, allow_null=True)


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
