"""The JSON of the federation."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from shared_apps.accounts.rules import display_name
from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.text import PRINTABLE, check_paragraphs
from shared_apps.federation.models import (
    FederatedEvent,
    FederatedRegistration,
    Invitation,
    Reconciliation,
    Visit,
    VisitChange,
)
from shared_apps.federation.rules import MOST_INVITATIONS, DifferenceKind, RegistrationState


class InvitationSerializer(serializers.ModelSerializer):
    """One campus that may come."""

    is_withdrawn = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = ("campus", "seats", "taken", "is_withdrawn")

    def get_is_withdrawn(self, invitation: Invitation) -> bool:
        return invitation.withdrawn_at is not None


class FederatedEventSerializer(serializers.ModelSerializer):
    """A shared event. ``invitations`` holds what this site may see of them: the host all, an invited campus its own."""

    starts_at = InstantField()
    ends_at = InstantField()
    published_at = InstantField(allow_null=True)
    cancelled_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()
    host = serializers.SerializerMethodField(help_text="Code of the host; null for a university-wide event")
    participants = serializers.ListField(
        child=serializers.CharField(), help_text="Codes of the campuses that hold a university-wide event"
    )
    invitations = serializers.SerializerMethodField()

    class Meta:
        model = FederatedEvent
        fields = (
            "id", "kind", "host", "participants", "status", "title", "description", "venue", "starts_at", "ends_at",
            "cancel_reason", "invitations", "published_at", "cancelled_at", "created_at", "updated_at",
        )  # fmt: skip

    def get_host(self, event: FederatedEvent) -> str | None:
        return event.host or None

    @extend_schema_field(InvitationSerializer(many=True))
    def get_invitations(self, event: FederatedEvent) -> Any:
        rows: dict[Any, list[Invitation]] = self.context.get("invitations", {})
        return InvitationSerializer(rows.get(event.pk, []), many=True).data


class CommonEventChangeSerializer(StrictSerializer):
    """What may be changed of a university-wide event; ``campuses`` are added to those that take part."""

    title = serializers.CharField(max_length=200, validators=[PRINTABLE])
    description = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, validators=[check_paragraphs]
    )
    venue = serializers.CharField(max_length=200, required=False, allow_blank=True, validators=[PRINTABLE])
    starts_at = InstantField()
    ends_at = InstantField()
    campuses = serializers.ListField(
        child=serializers.CharField(max_length=16), min_length=1, max_length=MOST_INVITATIONS, help_text="Codes"
    )


class RegistrationCreateSerializer(StrictSerializer):
    """Which event of another campus one wants to go to."""

    event_id = IdField()


class RegistrationSerializer(serializers.ModelSerializer):
    """One's place at another campus's event."""

    event = serializers.UUIDField(source="event_id")
    event_title = serializers.SerializerMethodField(help_text="Null when the campus is not invited any more")
    requested_at = InstantField()
    updated_at = InstantField()
    waiting_place = serializers.SerializerMethodField(help_text="1 is next; null unless waiting")

    class Meta:
        model = FederatedRegistration
        fields = (
            "event", "event_title", "host", "home", "state", "is_walk_in", "waiting_place", "requested_at",
            "updated_at",
        )  # fmt: skip

    def get_event_title(self, registration: Any) -> str | None:
        return getattr(registration, "event_title", None)

    def get_waiting_place(self, registration: Any) -> int | None:
        waits = registration.state == RegistrationState.WAITING
        return getattr(registration, "ahead", 0) + 1 if waits else None


class VisitSerializer(serializers.ModelSerializer):
    """One person counted at one federated event: who took the presence, who is credited. No name, no number."""

    event = serializers.UUIDField(source="event_id")
    session = serializers.UUIDField(source="session_id")
    cross_campus_attendance = serializers.BooleanField(source="is_away")
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        model = Visit
        fields: ClassVar[tuple[str, ...]] = (
            "id", "event", "event_title", "session", "session_name", "person_id", "host", "home",
            "cross_campus_attendance", "status", "first_in_at", "last_out_at", "created_at", "updated_at",
        )  # fmt: skip


class VisitChangeSerializer(serializers.ModelSerializer):
    """One decision of the host."""

    changed_at = InstantField()

    class Meta:
        model = VisitChange
        fields = ("from_status", "to_status", "reason", "changed_at")


class NamedVisitSerializer(VisitSerializer):
    """A visit, with the person as this campus knows them: a user of its own, a visitor's display name."""

    user = serializers.UUIDField(source="user_id", allow_null=True)
    display_name = serializers.SerializerMethodField()

    class Meta(VisitSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*VisitSerializer.Meta.fields, "user", "display_name")

    def get_display_name(self, visit: Any) -> str | None:
        own = display_name(first_name=visit.first_name, last_name=visit.last_name, username=visit.username)
        return own or visit.visitor_name


class VisitDetailSerializer(NamedVisitSerializer):
    """One visit, with what the host decided about it, oldest first."""

    history = serializers.SerializerMethodField()

    class Meta(NamedVisitSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*NamedVisitSerializer.Meta.fields, "history")

    @extend_schema_field(VisitChangeSerializer(many=True))
    def get_history(self, visit: Visit) -> Any:
        return VisitChangeSerializer(self.context["changes"], many=True, context=self.context).data


class TotalsSerializer(serializers.Serializer):
    """What the ledger says of one campus. People are distinct."""

    campus = serializers.CharField()
    at_home = serializers.IntegerField(help_text="Its people counted at home")
    away = serializers.IntegerField(help_text="Its people counted at other campuses")
    visitors = serializers.IntegerField(help_text="People of other campuses counted here")
    people = serializers.IntegerField(help_text="Its people who were counted at all")


class DifferenceSerializer(serializers.Serializer):
    """One disagreement between the ledger and a host."""

    host = serializers.CharField()
    kind = serializers.ChoiceField(choices=DifferenceKind.choices)
    event = serializers.UUIDField(allow_null=True)
    person_id = serializers.UUIDField(allow_null=True)
    detail = serializers.CharField()
    repaired = serializers.BooleanField()


class ReconciliationRequestSerializer(StrictSerializer):
    """Whether to repair what differs, or only to name it."""

    repair = serializers.BooleanField(default=False)


class ReconciliationSerializer(serializers.ModelSerializer):
    """One run. ``hosts`` were compared, ``skipped`` were not reachable and are compared the next time."""

    requested_at = InstantField()
    finished_at = InstantField(allow_null=True)
    differences = DifferenceSerializer(many=True)
    hosts = serializers.ListField(child=serializers.CharField())
    skipped = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Reconciliation
        fields = (
            "id", "state", "repairs", "hosts", "skipped", "count", "differences", "requested_at", "finished_at",
        )  # fmt: skip
