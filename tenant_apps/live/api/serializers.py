"""The JSON in the messages of streams, for the API's description; the hub writes it."""

from rest_framework import serializers

from shared_apps.common.api.serializers import InstantField
from shared_apps.federation.rules import VisitStatus
from tenant_apps.attendance.rules.scans import AttendanceStatus, Code, Direction, Door, Method, Outcome


class LivePersonSerializer(serializers.Serializer):
    """Whom a scan was about."""

    id = serializers.UUIDField(help_text="Of visitors the id in the federation")
    display_name = serializers.CharField(allow_null=True, help_text="Null until a visitor's campus has told it")
    student_id = serializers.CharField(allow_null=True)


class OwnScanSerializer(serializers.Serializer):
    """One scan, accepted or refused."""

    id = serializers.UUIDField()
    event = serializers.UUIDField()
    session = serializers.UUIDField(allow_null=True)
    attendance = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(choices=AttendanceStatus.choices, allow_null=True, help_text="Of the attendance")
    door = serializers.ChoiceField(choices=Door.choices)
    direction = serializers.ChoiceField(choices=Direction.choices)
    method = serializers.ChoiceField(choices=Method.choices)
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    code = serializers.ChoiceField(choices=Code.choices)
    received_at = InstantField()
    effective_at = InstantField()
    home_campus = serializers.CharField(allow_null=True)


class EventScanSerializer(OwnScanSerializer):
    """The same for staff."""

    operator = serializers.UUIDField()
    person = LivePersonSerializer(allow_null=True)


class LiveCorrectionSerializer(serializers.Serializer):
    """One decision on an attendance; an undo makes it `void`."""

    id = serializers.UUIDField()
    event = serializers.UUIDField()
    session = serializers.UUIDField()
    attendance = serializers.UUIDField()
    from_status = serializers.ChoiceField(choices=AttendanceStatus.choices)
    to_status = serializers.ChoiceField(choices=AttendanceStatus.choices)
    decided_at = InstantField()


class LiveVisitSerializer(serializers.Serializer):
    """One's own mark at another campus, as the ledger has it now."""

    id = serializers.UUIDField()
    event = serializers.UUIDField()
    event_title = serializers.CharField()
    session = serializers.UUIDField()
    session_name = serializers.CharField()
    campus = serializers.CharField(help_text="Code of the host")
    status = serializers.ChoiceField(choices=VisitStatus.choices)
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)


class LiveSessionSerializer(serializers.Serializer):
    """How many people a session has of each status now."""

    session = serializers.UUIDField()
    name = serializers.CharField()
    present = serializers.IntegerField()
    late = serializers.IntegerField()
    left_early = serializers.IntegerField()
    excused = serializers.IntegerField()
    absent = serializers.IntegerField()


class EventNewsSerializer(serializers.Serializer):
    """The data of `snapshot` and `news` about an event."""

    scans = EventScanSerializer(many=True)
    corrections = LiveCorrectionSerializer(many=True)
    visits = LiveVisitSerializer(many=True, help_text="Empty here")
    sessions = LiveSessionSerializer(many=True, help_text="All of the event, where one has changed; else empty")


class OwnNewsSerializer(serializers.Serializer):
    """The data of `snapshot` and `news` about oneself."""

    scans = OwnScanSerializer(many=True)
    corrections = LiveCorrectionSerializer(many=True)
    visits = LiveVisitSerializer(many=True)
    sessions = LiveSessionSerializer(many=True, help_text="Empty here")
