"""Attempts to record presence."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from shared_apps.common.ids import uuid7
from tenant_apps.attendance.rules.scans import Direction, Door, Method, Outcome


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
    guest_id = models.UUIDField(null=True)
    attendance_id = models.UUIDField(null=True)
    operator_id = models.UUIDField()
    # Which way it came, and by which enrolled device: its number there is gapless, so that what is missing is known.
    door = models.CharField(max_length=16, choices=Door.choices, default=Door.COUNTER, db_default=Door.COUNTER)
    scanner_id = models.UUIDField(null=True)
    sequence = models.BigIntegerField(null=True)
    direction = models.CharField(max_length=3, choices=Direction.choices)
    method = models.CharField(max_length=16, choices=Method.choices)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    code = models.CharField(max_length=40)
    reason = models.CharField(max_length=500, blank=True, default="")
    # Device time, server time, and what counts; ``time_corrected`` where the device's was out of bounds. ``skew``: by
    # how many milliseconds the device's clock was ahead when it sent this.
    captured_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    time_corrected = models.BooleanField(default=False)
    skew = models.BigIntegerField(null=True)
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
            models.Index(
                fields=["scanner_id", "sequence"],
                name="attendance_scan_sequence",
                condition=Q(scanner_id__isnull=False),
            ),
            # What came lately, at whatever event: a summary of each stretch of the table; recording hardly pays for it.
            BrinIndex(fields=["received_at"], name="attendance_scan_received"),
            # Goings of people who were not known to have come: they count once the earlier coming arrives.
            models.Index(
                "session_id",
                Coalesce("user_id", "person_id", "guest_id"),
                name="attendance_scan_going",
                condition=Q(code="not_checked_in"),
            ),
            models.Index(
                fields=["attendance_id"], name="attendance_scan_attendance", condition=Q(attendance_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S} {self.code}"
