"""What an attendance's scans say."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import connection

from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.closing import Difference, Stored, derive_again
from tenant_apps.attendance.rules.presence import Mark, Policy
from tenant_apps.attendance.rules.scans import Window
from tenant_apps.attendance.selectors.scans import GOING, SUBJECT
from tenant_apps.events.models import Session

# What was scanned before somebody made the attendance void counts no more. Who went before they were known to have come
# was refused, and yet went.
_MARKS = f"""
    SELECT c.attendance_id, c.effective_at, c.direction
      FROM attendance_scan c
     WHERE c.attendance_id = ANY(%s) AND c.outcome <> 'refused'
       AND NOT EXISTS (SELECT 1 FROM attendance_correction v
                        WHERE v.attendance_id = c.attendance_id AND v.to_status = 'void'
                          AND v.decided_at >= c.received_at)
    UNION ALL
    SELECT a.id, m.effective_at, m.direction
      FROM attendance_attendance a
      LEFT JOIN attendance_visitor w ON w.id = a.visitor_id
      JOIN attendance_scan m
        ON m.session_id = a.session_id AND {GOING} AND {SUBJECT} = coalesce(a.user_id, w.person_id, a.guest_id)
     WHERE a.id = ANY(%s)
"""


def window_of(session: Session) -> Window:
    """Return the session's times as decisions need them."""
    return Window(
        session.pk, session.opens_at, session.starts_at, session.late_after, session.ends_at, session.closes_at
    )


def policy_of(session: Session) -> Policy:
    """Return what the session asks of those who come."""
    return Policy(
        requires_check_out=session.requires_check_out,
        missing_check_out=session.missing_check_out,
        allows_re_entry=session.allows_re_entry,
        minimum_stay=None if session.minimum_stay is None else timedelta(minutes=session.minimum_stay),
    )


def find_differences(*, session: Session, attendances: Sequence[Attendance], is_over: bool) -> list[Difference]:
    """Return which of these attendances of ``session`` do not say what their scans say: one statement."""
    marks = _find_marks(row.pk for row in attendances)
    window, policy = window_of(session), policy_of(session)
    found = []
    for row in attendances:
        stored = Stored(row.status, row.first_in_at, row.last_out_at, row.stayed)
        derived = derive_again(
            window, policy, stored=stored, decided_status=row.decided_status, marks=marks[row.pk], is_over=is_over
        )
        if derived != stored:
            found.append(Difference(row.pk, stored, derived))
    return found


def _find_marks(attendance_ids: Iterable[UUID]) -> dict[UUID, list[Mark]]:
    ids, marks = list(attendance_ids), defaultdict[UUID, list[Mark]](list)
    with connection.cursor() as cursor:
        cursor.execute(_MARKS, [ids, ids])
        for attendance_id, at, direction in cursor.fetchall():
            marks[attendance_id].append(Mark(at, direction))
    return marks
