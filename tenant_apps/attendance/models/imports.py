"""Files of scans."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.rules.imports import ImportState
from tenant_apps.events.models import Event


class ScanImport(models.Model):
    """A file of scans for one event, and how far it is. The file is kept until all of it has been read."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="scan_imports")
    file_name = models.CharField(max_length=200, blank=True, default="", validators=[PRINTABLE])
    content = models.BinaryField(null=True)
    dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.QUEUED)
    # Why the file as a whole could not be used.
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.CharField(max_length=500, blank=True, default="")
    total = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0)
    recorded = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # One for each row: its number, outcome, code and detail.
    results = models.JSONField(default=list)
    requested_by_id = models.UUIDField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="attendance_scanimport_state_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["event", "created_at"], name="attendance_scanimport_age")]

    def __str__(self) -> str:
        return f"{self.file_name} {self.state}"
