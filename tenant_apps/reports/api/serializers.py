"""What reports answer."""

from rest_framework import serializers

from shared_apps.common.api.serializers import InstantField
from tenant_apps.attendance.rules.scans import AttendanceStatus
from tenant_apps.reports.rules import Figure, Per, PersonKind


class KeySerializer(serializers.Serializer):
    """What a line is for: the fields that fit its ``per``."""

    event = serializers.UUIDField(required=False)
    title = serializers.CharField(required=False)
    session = serializers.UUIDField(required=False)
    name = serializers.CharField(required=False)
    starts_at = InstantField(required=False)
    department = serializers.CharField(required=False)
    program = serializers.CharField(required=False)
    year_level = serializers.IntegerField(required=False, help_text="0: not known")
    section = serializers.CharField(required=False)
    person = serializers.UUIDField(required=False)
    kind = serializers.ChoiceField(choices=PersonKind.choices, required=False)
    user = serializers.UUIDField(required=False, allow_null=True)
    student_id = serializers.CharField(required=False, allow_null=True)
    display_name = serializers.CharField(required=False, allow_null=True)
    home = serializers.CharField(required=False, help_text="Code of the campus; empty: guests")
    day = serializers.DateField(required=False, help_text="The first day, in the campus's zone")

    def to_representation(self, instance: dict) -> dict:
        """Leave out what the line has not."""
        return {
            name: self.fields[name].to_representation(value) if value is not None else None
            for name, value in instance.items()
        }


class FiguresSerializer(serializers.Serializer):
    """One line. A figure counts people at sessions, each person at each session once; ``people…`` are distinct."""

    per = serializers.ChoiceField(choices=Per.choices)
    key = KeySerializer()
    expected = serializers.IntegerField(help_text="Known once the session was closed")
    came = serializers.IntegerField(help_text="present + late + left_early, whoever they were")
    present = serializers.IntegerField()
    late = serializers.IntegerField()
    left_early = serializers.IntegerField()
    excused = serializers.IntegerField()
    absent = serializers.IntegerField()
    unaccounted = serializers.IntegerField(
        help_text="Expected, and neither: counted at another campus for the same event, or undone afterwards"
    )
    expected_came = serializers.IntegerField()
    expected_absent = serializers.IntegerField()
    visitors = serializers.IntegerField()
    guests = serializers.IntegerField()
    people = serializers.IntegerField(help_text="Distinct people who came")
    people_expected = serializers.IntegerField(help_text="Distinct people who were expected")
    people_visiting = serializers.IntegerField(help_text="Distinct people of other campuses who came")
    people_own = serializers.IntegerField(help_text="Distinct people of this campus who came")
    sessions = serializers.IntegerField(help_text="With anybody expected or there")
    events = serializers.IntegerField()
    first_scan_at = InstantField(allow_null=True, help_text="The first coming")
    last_scan_at = InstantField(allow_null=True, help_text="The last coming or going")
    rate = serializers.FloatField(
        allow_null=True, help_text="expected_came / (expected_came + expected_absent), from 0 to 1; null: nobody was"
    )
    rows = serializers.DictField(
        child=serializers.CharField(), help_text=f"Where the rows behind each figure are: {', '.join(Figure.values)}"
    )


class ComparedSerializer(serializers.Serializer):
    """One of what is compared, as it was asked for."""

    event = serializers.UUIDField(required=False)
    since = InstantField(required=False)
    until = InstantField(required=False)
    figures = FiguresSerializer()
    difference = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="By how much it is more than the first"
    )


class RowSerializer(serializers.Serializer):
    """One person at one session."""

    attendance = serializers.UUIDField(allow_null=True, help_text="Null: expected, and nothing is recorded here")
    event = serializers.UUIDField()
    title = serializers.CharField()
    session = serializers.UUIDField()
    session_name = serializers.CharField()
    starts_at = InstantField()
    person = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=PersonKind.choices)
    home = serializers.CharField(help_text="Code of the campus; empty: guests")
    user = serializers.UUIDField(allow_null=True)
    student_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField(allow_null=True, help_text="Null: not known yet")
    department = serializers.CharField()
    program = serializers.CharField()
    year_level = serializers.IntegerField(help_text="0: not known")
    section = serializers.CharField()
    is_expected = serializers.BooleanField()
    status = serializers.ChoiceField(choices=AttendanceStatus.choices, allow_null=True)
    first_in_at = InstantField(allow_null=True)
    last_out_at = InstantField(allow_null=True)


class ArrivalSerializer(serializers.Serializer):
    """How many people came first within one step."""

    at = InstantField(help_text="When the step begins")
    came = serializers.IntegerField()
    so_far = serializers.IntegerField(help_text="With all steps before")


class VisitsSerializer(serializers.Serializer):
    """The visits of one campus's people to one campus: ``host`` counted them, ``home`` is credited."""

    host = serializers.CharField()
    home = serializers.CharField()
    visits = serializers.IntegerField(help_text="A person at a shared event, once")
    people = serializers.IntegerField(help_text="Distinct people")
    events = serializers.IntegerField()
    first_at = InstantField()
    last_at = InstantField()
    rows = serializers.CharField(help_text="Where these visits are")


class EventReportSerializer(serializers.Serializer):
    """An event at a glance."""

    event = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.CharField()
    as_of = InstantField()
    is_settled = serializers.BooleanField(help_text="Whether every session was closed: only then absences are known")
    total = FiguresSerializer()
    sessions = FiguresSerializer(many=True)
    homes = FiguresSerializer(many=True)


class ParticipationEntrySerializer(serializers.Serializer):
    """One presence."""

    event_title = serializers.CharField()
    session_name = serializers.CharField(allow_blank=True)
    host = serializers.CharField(help_text="Code of the campus at which it was")
    home = serializers.CharField(help_text="Code of the campus that is credited with it")
    origin = serializers.ChoiceField(
        choices=["own", "before"], help_text="before: from a campus at which the person was before"
    )
    status = serializers.CharField()
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)


class ParticipationSerializer(serializers.Serializer):
    """What somebody took part in, newest first."""

    user = serializers.UUIDField()
    student_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField()
    as_of = InstantField()
    here = serializers.IntegerField(help_text="Presences at this campus")
    away = serializers.IntegerField(help_text="Visits to other campuses, credited here")
    before = serializers.IntegerField(help_text="Presences before they came to this campus")
    absent = serializers.IntegerField(help_text="Sessions of this campus that were missed")
    excused = serializers.IntegerField()
    entries = ParticipationEntrySerializer(many=True)
