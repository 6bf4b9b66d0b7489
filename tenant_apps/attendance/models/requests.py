"""What people ask to have changed."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.rules.requests import RequestKind, RequestState, WantedStatus
from tenant_apps.events.models import Event, Session


class AttendanceRequest(models.Model):
    """Somebody asks that their presence be corrected, or their absence excused. Decided once; the row stays."""

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=RequestKind.choices)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="requests")
    # Null: an excuse for every session of the event.
    session = models.ForeignKey(Session, on_delete=models.PROTECT, null=True, related_name="requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="attendance_requests")
    wanted_status = models.CharField(max_length=16, choices=WantedStatus.choices)
    category = models.CharField(max_length=40, blank=True, default="", validators=[PRINTABLE])
    reason = models.CharField(max_length=2000)
    evidence = models.CharField(max_length=2000, blank=True, default="")
    state = models.CharField(max_length=16, choices=RequestState.choices, default=RequestState.OPEN)
    requested_at = models.DateTimeField()
    decide_by = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.UUIDField(null=True)
    decision_reason = models.CharField(max_length=500, blank=True, default="", validators=[PRINTABLE])

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=RequestKind.values), name="attendance_request_kind_known"),
            models.CheckConstraint(condition=Q(state__in=RequestState.values), name="attendance_request_state_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="attendance_request_has_reason"),
            models.UniqueConstraint(
                fields=["event", "session", "user", "kind"],
                condition=Q(state=RequestState.OPEN),
                nulls_distinct=False,
                name="attendance_request_open_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "decide_by"], name="attendance_request_due"),
            models.Index(fields=["user", "requested_at"], name="attendance_request_user"),
            models.Index(
                fields=["decided_at"], name="attendance_request_decided", condition=Q(decided_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.user_id}: {self.state}"
