"""Changing what was recorded: by new facts, never by rewriting old ones."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.audit.services import record_action
from tenant_apps.attendance.errors import AlreadyVoid, AttendanceNotFound, NotYourEvent
from tenant_apps.attendance.models import Attendance, Correction
from tenant_apps.attendance.rules import AttendanceStatus


@transaction.atomic
def undo_attendance(*, by: User, at: datetime, attendance_id: UUID, reason: str) -> Attendance:
    """Make an attendance void. Nothing is deleted: the scans stay, and a later scan may revive it.

    Locks: the attendance. Raises: AttendanceNotFound, NotYourEvent, AlreadyVoid.
    """
    rows = Attendance.objects.select_for_update(no_key=True, of=("self",)).select_related("event", "session", "user")
    attendance = rows.filter(pk=attendance_id).first()
    if attendance is None:
        raise AttendanceNotFound
    if by.role != Role.CAMPUS_ADMIN and attendance.event.organizer_id != by.pk:
        # An attendance of somebody else's event is not an organizer's to see.
        raise NotYourEvent if attendance.user_id == by.pk else AttendanceNotFound
    if attendance.status == AttendanceStatus.VOID:
        raise AlreadyVoid
    Correction.objects.create(
        attendance=attendance,
        from_status=attendance.status,
        to_status=AttendanceStatus.VOID,
        reason=reason,
        decided_by_id=by.pk,
        decided_at=at,
    )
    attendance.status = AttendanceStatus.VOID
    attendance.updated_at = at
    attendance.save(update_fields=["status", "updated_at"])
    record_action(
        at=at, by=by, action="attendance.undone", target_type="attendance", target_id=attendance.pk, reason=reason
    )
    return attendance
