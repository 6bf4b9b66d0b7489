"""What somebody should look at."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.rules.reviews import FlagKind, FlagState
from tenant_apps.events.models import Event, Session


class Flag(models.Model):
    """Something suspicious, with its evidence, in the review queue. It changes nothing by itself."""

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=24, choices=FlagKind.choices)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, related_name="flags")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, null=True, related_name="flags")
    # The person it is about, where it is about one: their id in the federation.
    person_id = models.UUIDField(null=True)
    # What makes two findings the same one.
    subject = models.CharField(max_length=200)
    # Ids, times and counts; no names.
    evidence = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=FlagState.choices, default=FlagState.OPEN)
    raised_at = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True)
    reviewed_by_id = models.UUIDField(null=True)
    note = models.CharField(max_length=500, blank=True, default="", validators=[PRINTABLE])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "subject"], name="attendance_flag_once"),
            models.CheckConstraint(condition=Q(kind__in=FlagKind.values), name="attendance_flag_kind_known"),
            models.CheckConstraint(condition=Q(state__in=FlagState.values), name="attendance_flag_state_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "raised_at"], name="attendance_flag_queue"),
            models.Index(fields=["event", "raised_at"], name="attendance_flag_event"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
