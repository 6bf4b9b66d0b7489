"""The JSON of presence."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from shared_apps.accounts.rules import display_name
from shared_apps.common.api.serializers import (
    DeviceClockField,
    IdField,
    InstantField,
    ReasonSerializer,
    StrictSerializer,
)
from shared_apps.common.text import PRINTABLE
from shared_apps.federation.passes import LONGEST
from tenant_apps.attendance.errors import PersonNotNamed
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.attendance.rules.decisions import Rule
from tenant_apps.attendance.rules.reviews import is_self_marked
from tenant_apps.attendance.rules.scans import AttendanceStatus, Code, Direction, Door, Method, Outcome
from tenant_apps.attendance.services.verdicts import ScanRequest

_FIELDS: Final = {
    Method.PASS: "pass", Method.GUEST: "guest_pass", Method.STUDENT_ID: "student_id", Method.USER: "user_id",
}  # fmt: skip
"""The field of a body that names the person, by method."""


class MarkAttendanceSerializer(StrictSerializer):
    """One scan. The person is named by exactly one of ``pass``, ``guest_pass``, ``student_id`` and ``user_id``."""

    event_id = IdField()
    session_id = IdField(
        required=False, allow_null=True, help_text="Needed only while several sessions of the event are open"
    )
    student_id = serializers.CharField(max_length=20, required=False)
    user_id = IdField(required=False)
    scan_id = IdField(
        required=False, allow_null=True, help_text="Your own id of this scan: a retry gets the first answer"
    )
    captured_at = DeviceClockField(
        required=False, allow_null=True, help_text="When the device scanned; the server's time counts without it"
    )
    direction = serializers.ChoiceField(choices=Direction.choices, default=Direction.IN)
    reason = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, validators=[PRINTABLE],
        help_text="Why by hand, for marks without a pass",
    )  # fmt: skip
    device_now = DeviceClockField(
        required=False,
        allow_null=True,
        help_text="The device's clock as it sends this: by it ``captured_at`` is corrected",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Answer the same, and write nothing")

    def get_fields(self) -> dict[str, serializers.Field]:
        # "pass" is a keyword of Python and the plain word for the thing.
        scanned = serializers.CharField(max_length=LONGEST, required=False, help_text="The text of the QR code")
        guest = serializers.CharField(max_length=LONGEST, required=False, help_text="The text of a guest's QR code")
        fields = super().get_fields()
        return {"event_id": fields["event_id"], "pass": scanned, "guest_pass": guest, **fields}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = [method for method, field in _FIELDS.items() if field in attrs]
        if len(named) != 1 and self.context.get("needs_person", True):
            raise ValidationError({"pass": [ErrorDetail(PersonNotNamed.detail, PersonNotNamed.code)]})
        if named:
            attrs["method"], attrs["value"] = named[0], str(attrs[_FIELDS[named[0]]])
        return attrs


def read_scan(data: dict[str, Any], *, skew: int | None, **more: Any) -> ScanRequest:
    """Return the scan that a validated body asks for."""
    return ScanRequest(
        event_id=data["event_id"],
        session_id=data.get("session_id"),
        method=data["method"],
        value=data["value"],
        direction=Direction(data["direction"]),
        scan_id=data.get("scan_id"),
        captured_at=data.get("captured_at"),
        reason=data["reason"],
        skew=skew,
        **more,
    )


class LookedSerializer(serializers.Serializer):
    """One rule that was looked at."""

    rule = serializers.ChoiceField(choices=Rule.choices)
    held = serializers.BooleanField()


class ScanSerializer(serializers.ModelSerializer):
    """One row of the scan log."""

    event = serializers.UUIDField(source="event_id")
    session = serializers.UUIDField(source="session_id", allow_null=True)
    user = serializers.UUIDField(source="user_id", allow_null=True)
    guest = serializers.UUIDField(source="guest_id", allow_null=True)
    attendance = serializers.UUIDField(source="attendance_id", allow_null=True)
    scanner = serializers.UUIDField(source="scanner_id", allow_null=True)
    operator = serializers.UUIDField(source="operator_id")
    detail = serializers.SerializerMethodField(help_text="The sentence that the operator was told")
    rules = serializers.SerializerMethodField(help_text="The rules that were looked at, in order; the last one decided")
    captured_at = InstantField(allow_null=True)
    received_at = InstantField()
    effective_at = InstantField()

    class Meta:
        model = Scan
        fields = (
            "id", "scan_id", "event", "session", "user", "guest", "attendance", "operator", "door", "scanner",
            "sequence", "direction", "method", "outcome", "code", "detail", "rules", "reason", "captured_at",
            "received_at", "effective_at", "time_corrected", "skew",
        )  # fmt: skip

    def get_detail(self, scan: Scan) -> str:
        return str(scan.answer.get("detail", ""))

    @extend_schema_field(LookedSerializer(many=True))
    def get_rules(self, scan: Scan) -> list[dict[str, Any]]:
        return list(scan.answer.get("rules", ()))


class CorrectSerializer(ReasonSerializer):
    """What staff decide an attendance is; to make it void there is the undo."""

    status = serializers.ChoiceField(choices=AttendanceStatus.choices, help_text="Not `void`")

    def validate_status(self, status: str) -> str:
        if status == AttendanceStatus.VOID:
            raise ValidationError("To make an attendance void, undo it.", "invalid_choice")
        return status


class HistoryDetailsSerializer(serializers.Serializer):
    """Of a scan the first six, of a correction the last two."""

    effective_at = InstantField(required=False)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False)
    method = serializers.ChoiceField(choices=Method.choices, required=False)
    door = serializers.ChoiceField(choices=Door.choices, required=False)
    outcome = serializers.ChoiceField(choices=Outcome.choices, required=False)
    code = serializers.CharField(required=False)
    from_status = serializers.ChoiceField(choices=AttendanceStatus.choices, required=False)
    to_status = serializers.ChoiceField(choices=AttendanceStatus.choices, required=False)


class HistoryEntrySerializer(serializers.Serializer):
    """One scan or decision that made an attendance what it is."""

    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="`scan` or `correction`")
    at = InstantField()
    by = serializers.UUIDField(allow_null=True)
    by_name = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    details = HistoryDetailsSerializer()


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
    marked_by_self = serializers.SerializerMethodField(
        help_text="Recorded by the person's own account, otherwise than with the code of the venue"
    )
    first_in_at = InstantField(allow_null=True, help_text="Null: nobody came")
    last_out_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        model = Attendance
        fields = (
            "id", "event", "event_title", "session", "session_name", "user", "guest", "display_name", "student_id",
            "status", "decided_status", "first_in_at", "last_out_at", "stayed", "method", "operator", "marked_by_self",
            "campus", "home_campus", "cross_campus_attendance", "created_at", "updated_at",
        )  # fmt: skip

    def get_student_id(self, attendance: Attendance) -> str | None:
        return attendance.user.student_id if attendance.user else None

    def get_campus(self, attendance: Attendance) -> str:
        return str(self.context["request"].campus.code)

    def get_home_campus(self, attendance: Attendance) -> str:
        return attendance.visitor.home if attendance.visitor else str(self.context["request"].campus.code)

    def get_cross_campus_attendance(self, attendance: Attendance) -> bool:
        return attendance.visitor is not None

    def get_marked_by_self(self, attendance: Attendance) -> bool:
        return is_self_marked(method=attendance.method, user_id=attendance.user_id, operator_id=attendance.operator_id)


class AwayAttendanceSerializer(serializers.Serializer):
    """The same shape for a visit to another campus: its id is the visit's, how and by whom is the host's affair."""

    id = serializers.UUIDField()
    event = serializers.UUIDField(source="event_id")
    event_title = serializers.CharField()
    session = serializers.UUIDField(source="session_id")
    session_name = serializers.CharField()
    user = serializers.UUIDField(source="user_id", allow_null=True)
    guest = serializers.SerializerMethodField()
    display_name = serializers.SerializerMethodField()
    student_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=AttendanceStatus.choices)
    decided_status = serializers.SerializerMethodField()
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)
    stayed = serializers.SerializerMethodField()
    method = serializers.SerializerMethodField()
    operator = serializers.SerializerMethodField()
    campus = serializers.CharField(source="host")
    home_campus = serializers.CharField(source="home")
    cross_campus_attendance = serializers.SerializerMethodField()
    marked_by_self = serializers.SerializerMethodField()
    created_at = InstantField()
    updated_at = InstantField()

    def get_display_name(self, visit: Any) -> str | None:
        return display_name(first_name=visit.first_name, last_name=visit.last_name, username=visit.username)

    def get_method(self, visit: Any) -> str:
        return Method.PASS.value

    def get_operator(self, visit: Any) -> None:
        return None

    def get_guest(self, visit: Any) -> None:
        return None

    def get_decided_status(self, visit: Any) -> str:
        return ""

    def get_stayed(self, visit: Any) -> int | None:
        return None

    def get_cross_campus_attendance(self, visit: Any) -> bool:
        return True

    def get_marked_by_self(self, visit: Any) -> bool:
        return False


class AnsweredScanSerializer(serializers.Serializer):
    """The scan in an answer."""

    id = serializers.UUIDField(allow_null=True, help_text="Null: a dry run")
    scan_id = serializers.UUIDField(allow_null=True)
    event = serializers.UUIDField()
    direction = serializers.ChoiceField(choices=Direction.choices)
    method = serializers.ChoiceField(choices=Method.choices)
    door = serializers.ChoiceField(choices=Door.choices)
    captured_at = InstantField(allow_null=True)
    received_at = InstantField()
    effective_at = InstantField()
    time_corrected = serializers.BooleanField(help_text="``captured_at`` was not believed as it is")
    skew = serializers.IntegerField(allow_null=True, help_text="Milliseconds by which the device's clock was ahead")


class AnsweredPersonSerializer(serializers.Serializer):
    """Whom the operator sees."""

    id = serializers.UUIDField(help_text="Of visitors the id in the federation")
    display_name = serializers.CharField(allow_null=True, help_text="Null until a visitor's campus has told it")
    student_id = serializers.CharField(allow_null=True)


class AnsweredAttendanceSerializer(serializers.Serializer):
    """The attendance after the scan."""

    id = serializers.UUIDField(allow_null=True, help_text="Null: a dry run, and there is none yet")
    session = serializers.UUIDField()
    status = serializers.ChoiceField(choices=AttendanceStatus.choices)
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)
    stayed = serializers.IntegerField(help_text="Seconds inside, between start and end of the session")


class FirstRecordSerializer(serializers.Serializer):
    """What was recorded before, for a duplicate."""

    scan = serializers.UUIDField(allow_null=True)
    at = InstantField()
    method = serializers.ChoiceField(choices=Method.choices)
    operator = serializers.UUIDField(allow_null=True)


class ScanAnswerSerializer(serializers.Serializer):
    """The answer to a scan that was recorded, or was recorded before."""

    outcome = serializers.ChoiceField(choices=Outcome.choices)
    code = serializers.ChoiceField(choices=Code.choices)
    detail = serializers.CharField(help_text="A sentence for the operator")
    rules = LookedSerializer(many=True, help_text="The rules that were looked at, in order; the last one decided")
    dry_run = serializers.BooleanField()
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
