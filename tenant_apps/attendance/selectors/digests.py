"""What organizers are told once a day: of all of them in four statements, whatever their number."""

from collections import defaultdict
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from tenant_apps.attendance.rules.digests import Ahead, Over, Waiting

_AHEAD: Final = """
    SELECT e.organizer_id, e.title, s.name, s.starts_at, s.ends_at,
           (SELECT count(*) FROM events_registration r WHERE r.event_id = e.id AND r.state = 'registered'), e.capacity
      FROM events_session s
      JOIN events_event e ON e.id = s.event_id AND e.status = 'published'
      JOIN accounts_user u ON u.id = e.organizer_id AND u.is_active
     WHERE s.starts_at >= %s AND s.starts_at < %s
     ORDER BY s.starts_at, s.id
"""
_OVER: Final = """
    SELECT e.organizer_id, e.title, s.name, s.starts_at, s.ends_at,
           count(*) FILTER (WHERE a.status IN ('present', 'late', 'left_early')),
           count(*) FILTER (WHERE a.status = 'late'), count(*) FILTER (WHERE a.status = 'absent'),
           count(*) FILTER (WHERE a.status = 'excused')
      FROM events_session s
      JOIN events_event e ON e.id = s.event_id
      JOIN accounts_user u ON u.id = e.organizer_id AND u.is_active
      LEFT JOIN attendance_attendance a ON a.session_id = s.id
     WHERE s.closed_at >= %s AND s.closed_at < %s
     GROUP BY e.id, s.id
     ORDER BY s.starts_at, s.id
"""
# Nobody decides on their own requests, so those do not wait for them.
_WAITING: Final = """
    SELECT e.organizer_id, sum(x.requests)::int, sum(x.places)::int, sum(x.flags)::int
      FROM (SELECT event_id, user_id, 1 AS requests, 0 AS places, 0 AS flags
              FROM attendance_attendancerequest WHERE state = 'open'
             UNION ALL
            SELECT event_id, user_id, 0, 1, 0 FROM events_registration WHERE state = 'requested'
             UNION ALL
            SELECT event_id, NULL, 0, 0, 1 FROM attendance_flag WHERE state = 'open') AS x
      JOIN events_event e ON e.id = x.event_id AND e.status <> 'cancelled'
      JOIN accounts_user u ON u.id = e.organizer_id AND u.is_active
     WHERE x.user_id IS DISTINCT FROM e.organizer_id
     GROUP BY e.organizer_id
"""


def list_ahead(*, since: datetime, until: datetime) -> dict[UUID, list[Ahead]]:
    """Return the sessions that begin between two instants, by who runs their event."""
    found: dict[UUID, list[Ahead]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_AHEAD, [since, until])
        for organizer_id, *row in cursor.fetchall():
            found[organizer_id].append(Ahead(*row))
    return found


def list_over(*, since: datetime, until: datetime) -> dict[UUID, list[Over]]:
    """Return the sessions that were closed between two instants, and what they came to, by who runs their event."""
    found: dict[UUID, list[Over]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_OVER, [since, until])
        for organizer_id, *row in cursor.fetchall():
            found[organizer_id].append(Over(*row))
    return found


def count_waiting() -> dict[UUID, Waiting]:
    """Return how much waits for those who run events."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return {organizer_id: Waiting(*counts) for organizer_id, *counts in cursor.fetchall()}
