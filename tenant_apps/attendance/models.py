"""Scans, and the attendance they amount to."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from shared_apps.accounts.models import User
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.rules import AttendanceStatus, Direction, Method, Outcome
from tenant_apps.events.models import Event, Session


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
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="attendances")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="attendances")
    # One of the two: somebody of this campus, or of another.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="attendances")
    visitor = models.ForeignKey(Visitor, on_delete=models.PROTECT, null=True, related_name="attendances")
    status = models.CharField(max_length=16, choices=AttendanceStatus.choices)
    first_in_at = models.DateTimeField()
    last_out_at = models.DateTimeField(null=True, blank=True)
    # The door and the operator of the first scan; the scan itself has the rest.
    first_scan_id = models.UUIDField()
    method = models.CharField(max_length=16, choices=Method.choices)
    operator_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "user"], name="attendance_attendance_person_once"),
            models.UniqueConstraint(fields=["session", "visitor"], name="attendance_attendance_visitor_once"),
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(visitor__isnull=True), name="attendance_attendance_one_person"
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
            models.Index(fields=["user", "first_in_at"], name="attendance_user"),
            models.Index(fields=["event", "first_in_at"], name="attendance_event"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or self.visitor_id} at {self.session_id}: {self.status}"

    @property
    def person(self) -> User | Visitor:
        """Whoever came; both have ``person_id`` and ``display_name``."""
        found = self.user or self.visitor
        assert found is not None  # a constraint says so
        return found


class Scan(models.Model):
    """One attempt to record presence, accepted or refused, never changed afterwards: evidence.

    No foreign keys: nothing can change or erase a scan, and recording one pays for no checks.
    """

    privileges: ClassVar = ("SELECT", "INSERT")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The client's own id for this attempt: the idempotency key of recording presence.
    scan_id = models.UUIDField(null=True)
    fingerprint = models.BinaryField(max_length=32)
    event_id = models.UUIDField()
    session_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    # Of whom a pass of another campus spoke.
    home = models.CharField(max_length=16, blank=True, default="", db_default="")
    person_id = models.UUIDField(null=True)
    attendance_id = models.UUIDField(null=True)
    operator_id = models.UUIDField()
    direction = models.CharField(max_length=3, choices=Direction.choices)
    method = models.CharField(max_length=16, choices=Method.choices)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    code = models.CharField(max_length=40)
    reason = models.CharField(max_length=500, blank=True, default="")
    # Device time, server time, and what counts; ``time_corrected`` where the device's was out of bounds.
    captured_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    time_corrected = models.BooleanField(default=False)
    # What was answered, for a retry.
    answer = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scan_id"], name="attendance_scan_id_once"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="attendance_scan_outcome_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["event_id", "received_at"], name="attendance_scan_event"),
            models.Index(fields=["user_id", "received_at"], name="attendance_scan_user"),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S} {self.code}"


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

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
