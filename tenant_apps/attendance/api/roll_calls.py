"""``events/attendance/roll-call/``: the whole section in one call."""

from collections import Counter
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.api.serializers import LookedSerializer
from tenant_apps.attendance.errors import PersonNotNamed
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.imports import RowOutcome
from tenant_apps.attendance.rules.scans import AttendanceStatus, Direction
from tenant_apps.attendance.selectors.roll_calls import MOST_PEOPLE, read_sheet
from tenant_apps.attendance.services.roll_calls import Called, Named, call_roll

_PARTS = ("department", "program", "year_level", "section")


class GroupSerializer(StrictSerializer):
    """Some people of a campus: whoever has all the parts that are given, as their profile says it, in any case."""

    department = serializers.CharField(max_length=100, required=False, validators=[PRINTABLE])
    program = serializers.CharField(max_length=100, required=False, validators=[PRINTABLE])
    year_level = serializers.IntegerField(min_value=1, max_value=12, required=False)
    section = serializers.CharField(max_length=40, required=False, validators=[PRINTABLE])


class CalledGroupSerializer(GroupSerializer):
    """A group whose names are called: never everybody by an oversight."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise ValidationError("Give at least one part of the group.", "empty_row")
        return attrs


class NamedSerializer(StrictSerializer):
    """Somebody on the list, by exactly one of ``user_id`` and ``student_id``."""

    user_id = IdField(required=False)
    student_id = serializers.CharField(max_length=20, required=False, validators=[PRINTABLE])
    is_there = serializers.BooleanField(default=True, help_text="False: did not answer, and nothing is recorded")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"user_id", "student_id"} & attrs.keys()) != 1:
            problem = ErrorDetail("Name the person by exactly one of user_id and student_id.", PersonNotNamed.code)
            raise ValidationError({"user_id": [problem]})
        return attrs


class RollCallSerializer(StrictSerializer):
    """Whose names were called: exactly one of ``people`` and ``group``."""

    roll_call_id = IdField(
        help_text="Your own id of this call: sent again, it records nothing and gets the same answer"
    )
    event_id = IdField()
    session_id = IdField(
        required=False, allow_null=True, help_text="Needed only while several sessions of the event are open"
    )
    people = NamedSerializer(many=True, required=False, min_length=1, max_length=MOST_PEOPLE)  # type: ignore[call-arg]
    group = CalledGroupSerializer(required=False, help_text="Active students, at most 500")
    direction = serializers.ChoiceField(choices=Direction.choices, default=Direction.IN)
    at = InstantField(
        required=False, allow_null=True, help_text="When the names were called, at most 12 hours ago; now without it"
    )
    reason = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, validators=[PRINTABLE]
    )  # fmt: skip
    dry_run = serializers.BooleanField(default=False, help_text="Answer the same, and write nothing")

    def get_fields(self) -> dict[str, serializers.Field]:
        # "except" is a keyword of Python and the plain word for the thing.
        fields = super().get_fields()
        fields["except"] = serializers.ListField(
            child=IdField(), required=False, max_length=MOST_PEOPLE, help_text="Users of the group who are not there"
        )
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"people", "group"} & attrs.keys()) != 1:
            raise ValidationError({"people": [ErrorDetail("Give exactly one of people and group.", "name_people")]})
        if "except" in attrs and "group" not in attrs:
            problem = ErrorDetail("Of a list, say is_there: false.", "only_with_group")
            raise ValidationError({"except": [problem]})
        return attrs


class CalledSerializer(serializers.Serializer):
    """What became of one person."""

    user = serializers.UUIDField(allow_null=True)
    student_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField(allow_null=True)
    outcome = serializers.ChoiceField(choices=RowOutcome.choices)
    code = serializers.CharField(help_text="As mark_attendance has it")
    detail = serializers.CharField(help_text="A sentence for the operator")
    rules = LookedSerializer(many=True, help_text="The rules that were looked at, in order; the last one decided")
    attendance = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(
        choices=AttendanceStatus.choices, allow_null=True, help_text="The attendance after it; null: refused"
    )


class RollCallAnswerSerializer(serializers.Serializer):
    """What became of everybody who was called, by name where a group was called, else in the order of the list."""

    roll_call_id = serializers.UUIDField()
    dry_run = serializers.BooleanField()
    recorded = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    refused = serializers.IntegerField()
    failed = serializers.IntegerField()
    left_out = serializers.IntegerField(help_text="Who was said not to be there: nothing is recorded of them")
    results = CalledSerializer(many=True)


class SheetQuerySerializer(GroupSerializer):
    """Whose names are wanted; without any part of a group, whom the event expects."""

    event_id = IdField()
    session_id = IdField(required=False, help_text="Only what they have at this session")


class SheetAttendanceSerializer(serializers.ModelSerializer):
    """What somebody has already."""

    session = serializers.UUIDField(source="session_id")
    first_in_at = InstantField(allow_null=True)
    last_out_at = InstantField(allow_null=True)

    class Meta:
        model = Attendance
        fields = ("id", "session", "status", "first_in_at", "last_out_at")


class SheetPersonSerializer(serializers.Serializer):
    """A name to call."""

    user = serializers.UUIDField(source="user_id")
    display_name = serializers.CharField()
    student_id = serializers.CharField(allow_null=True)
    department = serializers.CharField()
    program = serializers.CharField()
    year_level = serializers.IntegerField(allow_null=True)
    section = serializers.CharField()
    attendance = serializers.SerializerMethodField()

    @extend_schema_field(SheetAttendanceSerializer(many=True))
    def get_attendance(self, listed: Any) -> list[dict[str, Any]]:
        rows = self.context["attendance"].get(listed.user_id, ())
        return SheetAttendanceSerializer(rows, many=True, context=self.context).data  # type: ignore[return-value]


class SheetSerializer(serializers.Serializer):
    """The names of a group, as they are called."""

    event = serializers.UUIDField()
    count = serializers.IntegerField()
    people = SheetPersonSerializer(many=True)


class RollCallView(View):
    """``events/attendance/roll-call/``"""

    takes_idempotency_key = False  # roll_call_id is the key
    pagination_class = None
    permissions: ClassVar = {"get": Can.CALL_ROLL, "post": Can.CALL_ROLL}

    @extend_schema(parameters=[SheetQuerySerializer], responses=SheetSerializer)
    def get(self, request: Request) -> Response:
        """Read the names of a group, at most 500, with what each has at the event already."""
        query = SheetQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        data = query.validated_data
        sheet = read_sheet(
            user=actor(request), event_id=data["event_id"], session_id=data.get("session_id"),
            group={part: data[part] for part in _PARTS if part in data},
        )  # fmt: skip
        answer = {"event": sheet.event.pk, "count": len(sheet.people), "people": sheet.people}
        context = {"request": request, "attendance": sheet.attendance}
        return Response(SheetSerializer(answer, context=context).data)

    @extend_schema(request=RollCallSerializer, responses=RollCallAnswerSerializer)
    def post(self, request: Request) -> Response:
        """Record a section whose names were called. Each person has a result of their own: whoever is refused, or
        recorded already, stops nobody else. Send it again when in doubt: nothing is recorded twice.
        """
        body = RollCallSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        data = body.validated_data
        call = call_roll(
            by=actor(request), at=now(), roll_call_id=data["roll_call_id"], event_id=data["event_id"],
            session_id=data.get("session_id"), people=[Named(**named) for named in data.get("people", ())],
            group=data.get("group"), without=data.get("except", ()), direction=Direction(data["direction"]),
            called_at=data.get("at"), reason=data["reason"], dry_run=data["dry_run"],
        )  # fmt: skip
        counts = Counter(called.answer.result[0].value for called in call.called)
        return Response(
            {
                "roll_call_id": str(data["roll_call_id"]),
                "dry_run": data["dry_run"],
                **{outcome: counts[outcome] for outcome in RowOutcome.values},
                "left_out": call.left_out,
                "results": [_result(called) for called in call.called],
            }
        )


def _result(called: Called) -> dict[str, Any]:
    person = called.answer.body.get("person") or {}
    attendance = called.answer.body.get("attendance") or {}
    outcome, code, detail = called.answer.result
    return {
        "user": person.get("id") or called.user_id,
        "student_id": person.get("student_id") or called.student_id,
        "display_name": person.get("display_name"),
        "outcome": outcome,
        "code": code,
        "detail": detail,
        "rules": called.answer.body.get("rules", []),
        "attendance": attendance.get("id"),
        "status": attendance.get("status"),
    }
