"""The JSON of presence."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from shared_apps.accounts.rules import display_name
from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.text import PRINTABLE
from shared_apps.federation.passes import LONGEST
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.attendance.rules.scans import AttendanceStatus, Code, Direction, Method, Outcome


class MarkAttendanceSerializer(StrictSerializer):
    """One scan. The person is named by exactly one of ``pass``, ``student_id`` and ``user_id``."""

    event_id = IdField()
    session_id = IdField(
        required=False, allow_null=True, help_text="Needed only while several sessions of the event are open"
    )
    student_id = serializers.CharField(max_length=20, required=False)
    user_id = IdField(required=False)
    scan_id = IdField(
        required=False, allow_null=True, help_text="Your own id of this scan: a retry gets the first answer"
    )
    captured_at = InstantField(
        required=False, allow_null=True, help_text="When the device scanned; the server's time counts without it"
    )
    direction = serializers.ChoiceField(choices=Direction.choices, default=Direction.IN)
    reason = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, validators=[PRINTABLE],
        help_text="Why by hand, for marks without a pass",
    )  # fmt: skip

    def get_fields(self) -> dict[str, serializers.Field]:
        # "pass" is a keyword of Python and the plain word for the thing.
        scanned = serializers.CharField(max_length=LONGEST, required=False, help_text="The text of the QR code")
        return {"event_id": super().get_fields()["event_id"], "pass": scanned, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = [method for method in (Method.PASS, Method.STUDENT_ID, Method.USER) if _field_of(method) in attrs]
        if len(named) != 1 and self.context.get("needs_person", True):
            problem = ErrorDetail("Name the person by exactly one of pass, student_id and user_id.", "identify_person")
            raise ValidationError({"pass": [problem]})
        if named:
            attrs["method"], attrs["value"] = named[0], str(attrs[_field_of(named[0])])
        return attrs


def _field_of(method: Method) -> str:
    return {Method.PASS: "pass", Method.STUDENT_ID: "student_id", Method.USER: "user_id"}[method]


class ScanSerializer(serializers.ModelSerializer):
    """One row of the scan log."""

    event = serializers.UUIDField(source="event_id")
    session = serializers.UUIDField(source="session_id", allow_null=True)
    user = serializers.UUIDField(source="user_id", allow_null=True)
    attendance = serializers.UUIDField(source="attendance_id", allow_null=True)
    operator = serializers.UUIDField(source="operator_id")
    captured_at = InstantField(allow_null=True)
    received_at = InstantField()
    effective_at = InstantField()

    class Meta:
        model = Scan
        fields = (
            "id", "scan_id", "event", "session", "user", "attendance", "operator", "direction", "method", "outcome",
            "code", "reason", "captured_at", "received_at", "effective_at", "time_corrected",
        )  # fmt: skip


class AttendanceSerializer(serializers.ModelSerializer):
    """What the scans of one person at one session amount to. Where it was and whose it is are both in every row."""

    event_title = serializers.CharField(source="event.title")
    session_name = serializers.CharField(source="session.name")
    display_name = serializers.CharField(
        source="person.display_name", allow_null=True, help_text="Null until a visitor's campus has told it"
    )
    student_id = serializers.SerializerMethodField(help_text="Of people of this campus only")
    operator = serializers.UUIDField(source="operator_id", allow_null=True)
    campus = serializers.SerializerMethodField(help_text="Code of the campus where it was recorded: the host")
    home_campus = serializers.SerializerMethodField(help_text="Code of the person's own campus")
    cross_campus_attendance = serializers.SerializerMethodField(help_text="Whether the two differ")
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        model = Attendance
        fields = (
            "id", "event", "event_title", "session", "session_name", "user", "display_name", "student_id", "status",
            "first_in_at", "last_out_at", "method", "operator", "campus", "home_campus", "cross_campus_attendance",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_student_id(self, attendance: Attendance) -> str | None:
        return attendance.user.student_id if attendance.user else None

    def get_campus(self, attendance: Attendance) -> str:
        return str(self.context["request"].campus.code)

    def get_home_campus(self, attendance: Attendance) -> str:
        return attendance.visitor.home if attendance.visitor else str(self.context["request"].campus.code)

    def get_cross_campus_attendance(self, attendance: Attendance) -> bool:
        return attendance.visitor is not None


class AwayAttendanceSerializer(serializers.Serializer):
    """The same shape for a visit to another campus: its id is the visit's, how and by whom is the host's affair."""

    id = serializers.UUIDField()
    event = serializers.UUIDField(source="event_id")
    event_title = serializers.CharField()
    session = serializers.UUIDField(source="session_id")
    session_name = serializers.CharField()
    user = serializers.UUIDField(source="user_id", allow_null=True)
    display_name = serializers.SerializerMethodField()
    student_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=AttendanceStatus.choices)
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)
    method = serializers.SerializerMethodField()
    operator = serializers.SerializerMethodField()
    campus = serializers.CharField(source="host")
    home_campus = serializers.CharField(source="home")
    cross_campus_attendance = serializers.SerializerMethodField()
    created_at = InstantField()
    updated_at = InstantField()

    def get_display_name(self, visit: Any) -> str | None:
        return display_name(first_name=visit.first_name, last_name=visit.last_name, username=visit.username)

    def get_method(self, visit: Any) -> str:
        return Method.PASS.value

    def get_operator(self, visit: Any) -> None:
        return None

    def get_cross_campus_attendance(self, visit: Any) -> bool:
        return True


class AnsweredScanSerializer(serializers.Serializer):
    """The scan in an answer."""

    id = serializers.UUIDField()
    scan_id = serializers.UUIDField(allow_null=True)
    event = serializers.UUIDField()
    direction = serializers.ChoiceField(choices=Direction.choices)
    method = serializers.ChoiceField(choices=Method.choices)
    captured_at = InstantField(allow_null=True)
    received_at = InstantField()
    effective_at = InstantField()
    time_corrected = serializers.BooleanField(help_text="The device's clock was out of bounds; the server's counts")


class AnsweredPersonSerializer(serializers.Serializer):
    """Whom the operator sees."""

    id = serializers.UUIDField(help_text="Of visitors the id in the federation")
    display_name = serializers.CharField(allow_null=True, help_text="Null until a visitor's campus has told it")
    student_id = serializers.CharField(allow_null=True)


class AnsweredAttendanceSerializer(serializers.Serializer):
    """The attendance after the scan."""

    id = serializers.UUIDField()
    session = serializers.UUIDField()
    status = serializers.ChoiceField(choices=AttendanceStatus.choices)
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)


class FirstRecordSerializer(serializers.Serializer):
    """What was recorded before, for a duplicate."""

    scan = serializers.UUIDField()
    at = InstantField()
    method = serializers.ChoiceField(choices=Method.choices)
    operator = serializers.UUIDField(allow_null=True)


class ScanAnswerSerializer(serializers.Serializer):
    """The answer to a scan that was recorded, or was recorded before."""

    outcome = serializers.ChoiceField(choices=Outcome.choices)
    code = serializers.ChoiceField(choices=Code.choices)
    detail = serializers.CharField(help_text="A sentence for the operator")
    home_campus = serializers.CharField(allow_null=True)
    cross_campus_attendance = serializers.BooleanField()
    scan = AnsweredScanSerializer()
    person = AnsweredPersonSerializer(allow_null=True)
    attendance = AnsweredAttendanceSerializer(allow_null=True)
    first = FirstRecordSerializer(allow_null=True)


class ErrorSerializer(serializers.Serializer):
    """One error of the shape that every endpoint uses."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class ScanRefusalSerializer(ScanAnswerSerializer):
    """The answer to a scan that was refused: stored too, and in the shape of an error."""

    type = serializers.CharField()
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]
