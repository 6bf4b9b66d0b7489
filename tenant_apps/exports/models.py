"""Exports, and how far each is."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from tenant_apps.exports.rules.exports import ExportFormat, ExportState


class Export(models.Model):
    """A list that somebody wants as a file. The file is an upload of this id; it is there only where it is done."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dataset = models.CharField(max_length=40)
    format = models.CharField(max_length=8, choices=ExportFormat.choices)
    # As they stand in the query string of the list, by name.
    filters = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.QUEUED)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.CharField(max_length=500, blank=True, default="")
    rows_done = models.PositiveIntegerField(default=0)
    rows_total = models.PositiveIntegerField(null=True)
    # How often a worker began; whoever has another number than this was overtaken.
    attempts = models.PositiveSmallIntegerField(default=0)
    # When the worker was last heard.
    seen_at = models.DateTimeField(null=True)
    requested_by_id = models.UUIDField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ExportState.values), name="exports_export_state_known"),
            models.CheckConstraint(condition=Q(format__in=ExportFormat.values), name="exports_export_format_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["requested_by_id", "created_at"], name="exports_export_person"),
            models.Index(fields=["expires_at"], name="exports_export_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset}.{self.format} {self.state}"
