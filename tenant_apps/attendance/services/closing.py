"""Closing sessions: who was expected is frozen, what scans amount to is settled, and absences appear.

A session is closed once, in one transaction: whoever locks its row and finds it open does it, for any number of beats
and workers, and a worker that dies leaves nothing behind. A scan that arrives later is recorded all the same.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, transaction

from shared_apps.audit.services import record_action
from shared_apps.federation.services.visits import Standing, follow_attendances
from tenant_apps.attendance.errors import EventNotFound
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.closing import Difference, counts, may_close
from tenant_apps.attendance.rules.scans import AttendanceStatus
from tenant_apps.attendance.selectors.presence import find_differences
from tenant_apps.attendance.selectors.sessions import list_sessions_to_close
from tenant_apps.events.models import Event, Session
from tenant_apps.events.selectors.audiences import IN_AUDIENCE
from tenant_apps.notifications.services.notices import send_notices
from tenants.context import current_campus

logger = logging.getLogger("eas.tasks")

ABSENT_NOTICE: Final = "attendance.absent"
_CHUNK: Final = 1000
# Of the audience, not of who registered: a place is no duty. Whoever is not active now is not expected.
_FREEZE: Final = f"""
    INSERT INTO attendance_expected (id, session_id, user_id, department, program, year_level, section, frozen_at)
    SELECT gen_random_uuid(), s.id, u.id, p.department, p.program, p.year_level, p.section, %(at)s
      FROM events_session s
      JOIN events_event e ON e.id = s.event_id AND e.is_required
      CROSS JOIN accounts_user u
      JOIN accounts_profile p ON p.user_id = u.id
     WHERE s.id = %(session_id)s AND {IN_AUDIENCE}
    ON CONFLICT (session_id, user_id) DO NOTHING
"""
# Whoever was counted at another campus for the same event, or here as the visitor they were before they moved, was not
# absent. What was recorded and is void was no presence. In the order of people, as doors that write many.
_DERIVE_ABSENCES: Final = """
    INSERT INTO attendance_attendance (id, event_id, session_id, user_id, status, method, created_at, updated_at)
    SELECT gen_random_uuid(), %(event_id)s, x.session_id, x.user_id,
           CASE WHEN EXISTS (SELECT 1 FROM attendance_attendancerequest r
                              WHERE r.user_id = x.user_id AND r.event_id = %(event_id)s AND r.kind = 'excuse'
                                AND r.state = 'approved'
                                AND (r.session_id IS NULL OR r.session_id = x.session_id))
                THEN 'excused' ELSE 'absent' END,
           'none', %(at)s, %(at)s
      FROM attendance_expected x
      JOIN accounts_user u ON u.id = x.user_id
     WHERE x.session_id = %(session_id)s
       AND NOT EXISTS (SELECT 1 FROM public.federation_visit v
                        WHERE v.event_id = %(federated_event_id)s::uuid AND v.person_id = u.person_id
                          AND v.host <> %(me)s AND v.status <> 'void')
       AND NOT EXISTS (SELECT 1 FROM attendance_attendance a JOIN attendance_visitor w ON w.id = a.visitor_id
                        WHERE a.session_id = x.session_id AND w.person_id = u.person_id
                          AND a.status NOT IN ('void', 'absent', 'excused'))
     ORDER BY x.user_id
    ON CONFLICT (session_id, user_id) DO UPDATE
       SET status = EXCLUDED.status, first_in_at = NULL, last_out_at = NULL, stayed = 0,
           updated_at = EXCLUDED.updated_at
     WHERE attendance_attendance.status = 'void' AND attendance_attendance.decided_status = ''
    RETURNING user_id, status
"""
_SETTLE: Final = """
    UPDATE attendance_attendance a
       SET status = d.status, first_in_at = d.first_in_at, last_out_at = d.last_out_at, stayed = d.stayed,
           updated_at = %(at)s
      FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(ins)s::timestamptz[], %(outs)s::timestamptz[],
                  %(stays)s::integer[]) AS d(id, status, first_in_at, last_out_at, stayed)
     WHERE a.id = d.id
"""


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing a session came to. ``settled``: attendances whose status or times are others than before."""

    expected: int
    absent: int
    excused: int
    settled: int


def close_due_sessions(*, at: datetime, most: int = 50) -> int:
    """Close the sessions of this campus that are due, oldest first; return how many were closed here.

    Each in a transaction of its own. One that cannot be closed now (doors that write many were in the way) is left for
    the next time and does not stop the others.
    """
    return _close_each(list_sessions_to_close(at=at)[:most], at=at)


def close_event_sessions(*, event_id: UUID, at: datetime) -> int:
    """Close those sessions of an event that are due; return how many were closed here."""
    return _close_each(list_sessions_to_close(at=at, event_id=event_id), at=at)


def _close_each(session_ids: Sequence[UUID], *, at: datetime) -> int:
    closed = 0
    for session_id in session_ids:
        try:
            closed += close_session(session_id=session_id, at=at) is not None
        except OperationalError:  # a deadlock, or too long a wait
            logger.warning("session_not_closed", exc_info=True, extra={"session": str(session_id)})
    return closed


@transaction.atomic
def close_session(*, session_id: UUID, at: datetime) -> Closing | None:
    """Close a session that is due; None where it is closed already, or is not due.

    At a required event the active students of the audience are frozen as expected, with their groups as of now. Every
    attendance is derived again from its scans, now that nobody can come or go any more. Whoever was expected and was
    not there is absent, or excused where an approved excuse says so, and those who are absent are told.

    Locks: the session, for itself alone, so that doors that are writing are waited for, and later ones see it closed;
    its attendances by id in chunks, then their visits.
    """
    session = (
        Session.objects.select_for_update(of=("self",))
        .select_related("event")
        .filter(pk=session_id, closed_at__isnull=True)
        .first()
    )
    if session is None or not may_close(
        event_status=session.event.status,
        completed_at=session.event.completed_at,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        closes_at=session.closes_at,
        at=at,
    ):
        return None
    event = session.event
    values: dict[str, Any] = {
        "at": at, "session_id": session.pk, "event_id": event.pk, "federated_event_id": event.federated_event_id,
        "me": current_campus().code,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE, values)
        expected = cursor.rowcount
    settled = 0
    for ids in _chunks(session):
        settled += len(_settle(session, ids, is_over=True, reason="The session was closed", at=at))
    with connection.cursor() as cursor:
        cursor.execute(_DERIVE_ABSENCES, values)
        derived = cursor.fetchall()
    absent = [user_id for user_id, status in derived if status == AttendanceStatus.ABSENT]
    name = f"{event.title}, {session.name}" if session.name else event.title
    send_notices(to=absent, kind=ABSENT_NOTICE, text=f"You were marked absent: {name}.", at=at, event_id=event.pk)
    Session.objects.filter(pk=session.pk).update(closed_at=at)
    closing = Closing(expected, len(absent), len(derived) - len(absent), settled)
    record_action(
        at=at, by=None, action="session.closed", target_type="event", target_id=event.pk,
        changes={"session": str(session.pk), **asdict(closing)},
    )  # fmt: skip
    return closing


def reevaluate_event(*, event_id: UUID, at: datetime, fix: bool) -> Iterator[tuple[Session, Difference]]:
    """Yield the attendances of an event that do not say what their scans say, session by session; ``fix`` makes them.

    Sessions that were closed are looked at as over, others as running. With ``fix`` each chunk is a transaction of its
    own, the ledger follows, and the audit has how many were changed.

    Raises: EventNotFound.
    """
    event = Event.objects.filter(pk=event_id).first()
    if event is None:
        raise EventNotFound
    fixed = 0
    for session in event.sessions.select_related("event").order_by("starts_at", "id"):
        is_over = session.closed_at is not None
        for ids in _chunks(session):
            if fix:
                with transaction.atomic():
                    found = _settle(session, ids, is_over=is_over, reason="Derived again from the scans", at=at)
                fixed += len(found)
            else:
                rows = list(Attendance.objects.filter(pk__in=ids).order_by("id"))
                found = find_differences(session=session, attendances=rows, is_over=is_over)
            for difference in found:
                yield session, difference
    if fixed:
        record_action(
            at=at, by=None, action="event.reevaluated", target_type="event", target_id=event.pk,
            changes={"attendances": fixed},
        )  # fmt: skip


def _settle(session: Session, ids: Sequence[UUID], *, is_over: bool, reason: str, at: datetime) -> list[Difference]:
    """Make these attendances say what their scans say; return those that did not. Needs a transaction.

    Four statements at most, for any number. Locks: the attendances by id, before their scans are read: a door that is
    writing is waited for and then seen, and one that comes later looks again.
    """
    rows = list(Attendance.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("id"))
    found = find_differences(session=session, attendances=rows, is_over=is_over)
    if not found:
        return found
    derived = [difference.derived for difference in found]
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            {
                "at": at,
                "ids": [difference.attendance_id for difference in found],
                "statuses": [one.status for one in derived],
                "ins": [one.first_in_at for one in derived],
                "outs": [one.last_out_at for one in derived],
                "stays": [one.stayed for one in derived],
            },
        )
    if session.event.federated_event_id is not None:
        follow_attendances(
            event_id=session.event.federated_event_id,
            standings=[
                Standing(difference.attendance_id, one.status, one.first_in_at, one.last_out_at)
                for difference, one in zip(found, derived, strict=True)
                if counts(one.status) and one.first_in_at is not None
            ],
            reason=reason,
            at=at,
        )
    return found


def _chunks(session: Session) -> Iterator[list[UUID]]:
    ids = list(Attendance.objects.filter(session=session).order_by("id").values_list("pk", flat=True))
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
