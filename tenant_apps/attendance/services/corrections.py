"""Changing what was recorded: by new facts, never by rewriting old ones."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.audit.services import record_action
from shared_apps.federation.services.visits import Credit, correct_visit, lock_visit
from tenant_apps.attendance.errors import AlreadyVoid, AttendanceNotFound, NotYourEvent
from tenant_apps.attendance.models import Attendance, Correction
from tenant_apps.attendance.rules.scans import NOT_THERE, AttendanceStatus


@transaction.atomic
def undo_attendance(*, by: User, at: datetime, attendance_id: UUID, reason: str) -> Attendance:
    """Make an attendance void. Nothing is deleted: the scans stay, and a later scan may revive it.

    Locks: the attendance, then the visit. Raises: AttendanceNotFound, NotYourEvent, AlreadyVoid.
    """
    rows = Attendance.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "event", "session", "user", "visitor", "guest"
    )
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
    _follow_ledger(attendance, reason=reason, at=at)
    record_action(
        at=at, by=by, action="attendance.undone", target_type="attendance", target_id=attendance.pk, reason=reason
    )
    return attendance


def _follow_ledger(attendance: Attendance, *, reason: str, at: datetime) -> None:
    """Make the visit of a federated event stand for the first attendance that is left, or void where none is."""
    event_id = attendance.event.federated_event_id
    person = attendance.user or attendance.visitor
    if event_id is None or person is None:
        return
    person_id = person.person_id
    visit = lock_visit(event_id=event_id, person_id=person_id)
    if visit is None:
        return
    left = (
        # Whoever has moved to this campus may have been a visitor before.
        Attendance.objects.filter(Q(user__person_id=person_id) | Q(visitor__person_id=person_id))
        .filter(event=attendance.event)
        .exclude(status__in=NOT_THERE)
        .select_related("session")
        .order_by("first_in_at", "id")
        .first()
    )
    credit = left and Credit(
        attendance_id=left.pk, session_id=left.session_id, session_name=left.session.name, status=left.status,
        first_in_at=left.first_in_at or left.session.starts_at, last_out_at=left.last_out_at,
    )  # fmt: skip
    correct_visit(visit=visit, credit=credit or None, reason=reason, at=at)
