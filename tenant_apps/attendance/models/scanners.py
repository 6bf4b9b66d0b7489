"""Devices that record presence, and what students prove presence with themselves."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.rules.scanners import ScannerKind
from tenant_apps.events.models import Session


class Scanner(models.Model):
    """A device that may record presence at named events until a given time.

    It has an account of its own, with the role of its kind and no password: revoking it ends the account's tokens.
    """

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="scanner")
    name = models.CharField(max_length=100, validators=[PRINTABLE])
    kind = models.CharField(max_length=16, choices=ScannerKind.choices, default=ScannerKind.SCANNER)
    event_ids = ArrayField(models.UUIDField())
    expires_at = models.DateTimeField()
    # The one-time code of its enrolment: only a digest, gone when it was used.
    enrolment_digest = models.BinaryField(max_length=32, null=True)
    enrolment_expires_at = models.DateTimeField(null=True)
    enrolled_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # What it is and runs, as it says itself.
    hardware = models.CharField(max_length=200, blank=True, default="", validators=[PRINTABLE])
    software = models.CharField(max_length=200, blank=True, default="", validators=[PRINTABLE])
    # At its last contact: when, how many scans it still had to send, by how many milliseconds its clock was ahead.
    last_contact_at = models.DateTimeField(null=True)
    queue_depth = models.PositiveIntegerField(null=True)
    skew = models.BigIntegerField(null=True)
    created_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=ScannerKind.values), name="attendance_scanner_kind_known"),
            models.UniqueConstraint(fields=["enrolment_digest"], name="attendance_scanner_enrolment_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="attendance_scanner_age")]

    def __str__(self) -> str:
        return self.name


class DeviceUse(models.Model):
    """The device with which somebody entered the venue code of a session: one device serves one person there."""

    privileges: ClassVar = ("SELECT", "INSERT")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="+")
    # SHA-256 of the key that the app made on that device.
    device = models.BinaryField(max_length=32)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    used_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "device"], name="attendance_deviceuse_device_once"),
            models.UniqueConstraint(fields=["session", "user"], name="attendance_deviceuse_person_once"),
        ]

    def __str__(self) -> str:
        return f"device of {self.user_id} at {self.session_id}"


class CodeTry(models.Model):
    """How often somebody has entered a wrong venue code lately, and until when the next try has to wait."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    failures = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.failures} failures"
