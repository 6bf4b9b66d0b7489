"""Changing what was recorded: by new facts, never by rewriting old ones."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.audit.services import record_action
from shared_apps.federation.services.visits import Credit, correct_visit, lock_visit
from tenant_apps.attendance.errors import (
    AlreadyVoid,
    AttendanceNotFound,
    CountedElsewhere,
    NotYourEvent,
    OwnRecord,
    StatusUnchanged,
)
from tenant_apps.attendance.models import Attendance, Correction
from tenant_apps.attendance.rules.scans import NOT_THERE, AttendanceStatus
from tenant_apps.attendance.services.crediting import credit_attendance


@transaction.atomic
def undo_attendance(*, by: User, at: datetime, attendance_id: UUID, reason: str) -> Attendance:
    """Make an attendance void. Nothing is deleted: the scans stay, and a later scan may revive it.

    Locks: the attendance, then the visit. Raises: AttendanceNotFound, NotYourEvent, OwnRecord, AlreadyVoid.
    """
    attendance = _lock_attendance(attendance_id, by=by)
    if attendance.status == AttendanceStatus.VOID:
        raise AlreadyVoid
    change_status(attendance, AttendanceStatus.VOID, by=by, at=at, reason=reason)
    record_action(
        at=at, by=by, action="attendance.undone", target_type="attendance", target_id=attendance.pk, reason=reason
    )
    return attendance


@transaction.atomic
def correct_attendance(
    *, by: User, at: datetime, attendance_id: UUID, status: AttendanceStatus, reason: str
) -> Attendance:
    """Decide what an attendance is, whatever its scans say. ``status`` is not void: for that there is the undo.

    Locks: the attendance, then the visit. Raises: AttendanceNotFound, NotYourEvent, OwnRecord, StatusUnchanged,
    CountedElsewhere.
    """
    attendance = _lock_attendance(attendance_id, by=by)
    if attendance.status == status:
        raise StatusUnchanged
    change_status(attendance, status, by=by, at=at, reason=reason)
    record_action(
        at=at, by=by, action="attendance.corrected", target_type="attendance", target_id=attendance.pk, reason=reason,
        changes={"status": status.value},
    )  # fmt: skip
    return attendance


def change_status(
    attendance: Attendance,
    status: AttendanceStatus,
    *,
    by: User | None,
    at: datetime,
    reason: str,
    holds: bool = True,
) -> None:
    """Append a decision about an attendance that the caller has locked, or just made, and let the ledger follow.

    It holds whatever scans say, also those that arrive later; ``holds`` False: until a scan says that they were there.
    Somebody of whom no coming is known and who was there according to this came at the session's start.

    Locks: the visit. Raises: CountedElsewhere.
    """
    Correction.objects.create(
        attendance=attendance,
        from_status=attendance.status,
        to_status=status,
        reason=reason,
        decided_by_id=by.pk if by else None,
        decided_at=at,
    )
    attendance.status = status
    # What is void may revive by a scan: then the scans say again what it is.
    attendance.decided_status = status if holds and status != AttendanceStatus.VOID else ""
    if status not in NOT_THERE and attendance.first_in_at is None:
        attendance.first_in_at = attendance.session.starts_at
    attendance.updated_at = at
    attendance.save(update_fields=["status", "decided_status", "first_in_at", "updated_at"])
    _follow_ledger(attendance, reason=reason, at=at)


def _lock_attendance(attendance_id: UUID, *, by: User) -> Attendance:
    """Return an attendance that ``by`` may change, locked."""
    rows = Attendance.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "event", "session", "user", "visitor", "guest"
    )
    attendance = rows.filter(pk=attendance_id).first()
    if attendance is None:
        raise AttendanceNotFound
    if by.role != Role.CAMPUS_ADMIN and attendance.event.organizer_id != by.pk:
        # An attendance of somebody else's event is not an organizer's to see.
        raise NotYourEvent if attendance.user_id == by.pk else AttendanceNotFound
    if attendance.user_id == by.pk:
        raise OwnRecord
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
        is_there = attendance.status not in NOT_THERE
        if is_there and not credit_attendance(attendance_id=attendance.pk, at=at):
            raise CountedElsewhere
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
