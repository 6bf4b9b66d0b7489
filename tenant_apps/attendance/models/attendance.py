"""The attendance that scans amount to, and who was expected."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from shared_apps.accounts.models import User
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.rules.scans import AttendanceStatus, Method
from tenant_apps.events.models import Event, Guest, Session


class Visitor(models.Model):
    """A person of another campus, as far as this host needs to know them. Whoever moves keeps their ``person_id``."""

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    home = models.CharField(max_length=16)
    person_id = models.UUIDField()
    # Told by the home campus after the first scan; null until then.
    display_name = models.CharField(max_length=201, null=True)  # noqa: DJ001 -- "not known yet" is not "no name"
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person_id"], name="attendance_visitor_person_once"),
        ]

    def __str__(self) -> str:
        return f"{self.display_name or self.person_id} of {self.home}"


class Attendance(models.Model):
    """What the scans of one person at one session amount to."""

    # Kept for ever: a wrong one becomes void, and may revive.
    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Indexes of their own would repeat the beginnings of those below, and each costs every scan.
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="attendances", db_index=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="attendances", db_index=False)
    # One of the three: somebody of this campus, of another, or without an account.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="attendances", db_index=False
    )
    visitor = models.ForeignKey(Visitor, on_delete=models.PROTECT, null=True, related_name="attendances")
    guest = models.ForeignKey(Guest, on_delete=models.PROTECT, null=True, related_name="attendances")
    status = models.CharField(max_length=16, choices=AttendanceStatus.choices)
    # What staff decided it is, whatever the scans say; empty: the scans say it.
    decided_status = models.CharField(
        max_length=16, choices=AttendanceStatus.choices, blank=True, default="", db_default=""
    )
    # Null: nobody came.
    first_in_at = models.DateTimeField(null=True)
    last_out_at = models.DateTimeField(null=True, blank=True)
    # Seconds inside, between the session's start and end, as far as they are over.
    stayed = models.PositiveIntegerField(default=0, db_default=0)
    # The door and the operator of the first scan; the scan itself has the rest.
    first_scan_id = models.UUIDField(null=True)
    method = models.CharField(max_length=16, choices=Method.choices)
    operator_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "user"], name="attendance_attendance_person_once"),
            models.UniqueConstraint(fields=["session", "visitor"], name="attendance_attendance_visitor_once"),
            models.UniqueConstraint(fields=["session", "guest"], name="attendance_attendance_guest_once"),
            models.CheckConstraint(
                condition=Q(user__isnull=False, visitor__isnull=True, guest__isnull=True)
                | Q(user__isnull=True, visitor__isnull=False, guest__isnull=True)
                | Q(user__isnull=True, visitor__isnull=True, guest__isnull=False),
                name="attendance_attendance_one_person",
            ),
            models.CheckConstraint(
                condition=Q(first_in_at__isnull=False)
                | Q(status__in=[AttendanceStatus.ABSENT, AttendanceStatus.EXCUSED, AttendanceStatus.VOID])
                | ~Q(decided_status=""),
                name="attendance_attendance_came_to_count",
            ),
            models.CheckConstraint(
                condition=Q(status__in=AttendanceStatus.values), name="attendance_attendance_status_known"
            ),
            models.CheckConstraint(
                condition=Q(last_out_at__isnull=True) | Q(last_out_at__gte=F("first_in_at")),
                name="attendance_attendance_out_after_in",
            ),
        ]
        indexes: ClassVar = [
            # The order of lists: whoever was absent has no first coming.
            models.Index(fields=["user", "created_at"], name="attendance_user_age"),
            models.Index(fields=["event", "created_at"], name="attendance_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or self.visitor_id or self.guest_id} at {self.session_id}: {self.status}"

    @property
    def person(self) -> User | Visitor | Guest:
        """Whoever it is about; all have a ``display_name``."""
        found = self.user or self.visitor or self.guest
        assert found is not None  # a constraint says so
        return found


class Correction(models.Model):
    """One decision that changed an attendance: a new fact, appended; the scans stay as they were."""

    privileges: ClassVar = ("SELECT", "INSERT")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    attendance = models.ForeignKey(Attendance, on_delete=models.PROTECT, related_name="corrections")
    from_status = models.CharField(max_length=16, choices=AttendanceStatus.choices)
    to_status = models.CharField(max_length=16, choices=AttendanceStatus.choices)
    reason = models.CharField(max_length=500)
    decided_by_id = models.UUIDField(null=True)
    decided_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="attendance_correction_has_reason"),
        ]
        indexes: ClassVar = [models.Index(fields=["decided_at"], name="attendance_correction_age")]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"


class Expected(models.Model):
    """One person who was expected at a session, with the group they were in when it closed. Later changes of the roster
    change nothing here.
    """

    privileges: ClassVar = ("SELECT", "INSERT")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="expected")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="expected_at")
    department = models.CharField(max_length=100, blank=True, default="")
    program = models.CharField(max_length=100, blank=True, default="")
    year_level = models.PositiveSmallIntegerField(null=True)
    section = models.CharField(max_length=40, blank=True, default="")
    frozen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "user"], name="attendance_expected_person_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.session_id}"
