"""Certificates, what they say, and runs that issue many."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.models import Attendance
from tenant_apps.certificates.rules import HEADING, TEXT, RunState
from tenant_apps.events.models import Event


class Template(models.Model):
    """What certificates of an event say, or (without an event) those of the campus. Those that were issued stay."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.OneToOneField(Event, on_delete=models.CASCADE, null=True, related_name="certificate_template")
    heading = models.CharField(max_length=100, default=HEADING, validators=[PRINTABLE])
    text = models.CharField(max_length=600, default=TEXT, validators=[PRINTABLE])
    # Each has a name and a position.
    signatories = models.JSONField(default=list)
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event"], name="certificates_template_event_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return self.heading


class Run(models.Model):
    """Certificates for everybody who attended an event, and how far that is."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="certificate_runs")
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    # The attendance up to which it is done, by id.
    done_until = models.UUIDField(null=True)
    total = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0)
    issued = models.PositiveIntegerField(default=0)
    requested_by_id = models.UUIDField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="certificates_run_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.processed} of {self.total}"


class Certificate(models.Model):
    """What one presence is certified with, word for word. Whether it holds follows from the presence as it is now."""

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # What the QR code leads to; random, so that nobody guesses another's.
    code = models.UUIDField(default=uuid.uuid4)
    attendance = models.OneToOneField(Attendance, on_delete=models.PROTECT, related_name="certificate")
    name = models.CharField(max_length=201)
    event_title = models.CharField(max_length=200)
    session_name = models.CharField(max_length=100, blank=True, default="")
    held_on = models.DateField()
    heading = models.CharField(max_length=100)
    text = models.CharField(max_length=1000)
    signatories = models.JSONField(default=list)
    issued_by_id = models.UUIDField()
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoke_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code"], name="certificates_certificate_code_once"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | ~Q(revoke_reason=""), name="certificates_certificate_reason"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["issued_at"], name="certificates_certificate_age")]

    def __str__(self) -> str:
        return f"{self.name}: {self.event_title}"
