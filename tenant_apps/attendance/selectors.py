"""Questions about presence."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.attendance.errors import AttendanceNotFound
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.attendance.rules import Existing, Known, Method, Window


@dataclass(frozen=True, slots=True)
class EventFacts:
    """The event of a scan."""

    status: str
    title: str
    organizer_id: UUID | None
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """The person of a scan, with what the operator at the door is shown."""

    known: Known
    display_name: str
    student_id: str | None


@dataclass(frozen=True, slots=True)
class PriorScan:
    """The scan that has this scan_id already."""

    fingerprint: bytes
    code: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """Everything the decision needs; None where there is no such thing."""

    event: EventFacts | None
    person: PersonFacts | None
    existing: tuple[Existing, ...]
    prior: PriorScan | None


_WHO: Final = {
    Method.PASS: "u.person_id = %s",
    Method.STUDENT_ID: "lower(u.student_id) = lower(%s)",
    Method.USER: "u.id = %s",
    Method.NONE: "%s IS NOT NULL",
}
_FACTS: Final = """
    SELECT e.status, e.title, e.organizer_id,
           (SELECT json_agg(json_build_array(s.id, s.opens_at, s.starts_at, s.late_after, s.ends_at, s.closes_at)
                            ORDER BY s.starts_at, s.id)
              FROM events_session s WHERE s.event_id = e.id)::text,
           u.id, u.first_name, u.last_name, u.username, u.student_id, u.is_active, u.pass_serial,
           (SELECT json_agg(json_build_array(a.id, a.session_id, a.status, a.first_in_at, a.last_out_at,
                                             a.first_scan_id, a.method, a.operator_id))
              FROM attendance_attendance a WHERE a.user_id = u.id AND a.event_id = e.id)::text,
           p.fingerprint, p.code, p.answer::text
      FROM (SELECT 1) AS one
      LEFT JOIN events_event e ON e.id = %s
      LEFT JOIN accounts_user u ON {who}
      LEFT JOIN attendance_scan p ON p.scan_id = %s
"""


def find_scan_facts(*, event_id: UUID, method: str, value: str | UUID | None, scan_id: UUID | None) -> ScanFacts:
    """Return event, sessions, person, what they have there already and what the scan_id was used for: one statement.

    ``value`` is a person id (pass), a student id or a user id, by ``method``; None finds nobody.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FACTS.format(who=_WHO[Method(method)]), [event_id, value, scan_id])
        row = cursor.fetchone()
    status, title, organizer_id, windows, user_id, first, last, username, student_id, active, serial, *rest = row
    existing, fingerprint, code, answer = rest
    event = person = prior = None
    if status is not None:
        event = EventFacts(
            status, title, organizer_id, tuple(_window(values) for values in json.loads(windows or "[]"))
        )
    if user_id is not None:
        person = PersonFacts(Known(user_id, active, serial), f"{first} {last}".strip() or username, student_id)
    if fingerprint is not None:
        prior = PriorScan(bytes(fingerprint), code, json.loads(answer))
    return ScanFacts(event, person, tuple(_existing(values) for values in json.loads(existing or "[]")), prior)


def list_attendance(user: User) -> QuerySet[Attendance]:
    """Return the attendance that ``user`` may see, newest first.

    Students see their own, organizers that of the events they run and their own, campus admins all.
    """
    rows = Attendance.objects.select_related("event", "session", "user").order_by("-first_in_at", "-id")
    if user.role == Role.CAMPUS_ADMIN:
        return rows
    mine = rows.filter(user_id=user.pk)
    return mine | rows.filter(event__organizer_id=user.pk) if user.role == Role.ORGANIZER else mine


def get_attendance(*, user: User, attendance_id: UUID) -> Attendance:
    """Return one attendance that ``user`` may see.

    Raises: AttendanceNotFound, also for one that exists and is not theirs to see.
    """
    found = list_attendance(user).filter(pk=attendance_id).first()
    if found is None:
        raise AttendanceNotFound
    return found


def list_scans(user: User) -> QuerySet[Scan]:
    """Return the scan log that ``user`` may see, newest first: admins all, organizers that of the events they run."""
    rows = Scan.objects.order_by("-received_at", "-id")
    if user.role == Role.CAMPUS_ADMIN:
        return rows
    return rows.filter(event_id__in=user.organized_events.values("id"))


def _window(values: list[str]) -> Window:
    return Window(UUID(values[0]), *map(datetime.fromisoformat, values[1:]))


def _existing(values: list[Any]) -> Existing:
    id_, session_id, status, first_in, last_out, first_scan_id, method, operator_id = values
    return Existing(
        id=UUID(id_),
        session_id=UUID(session_id),
        status=status,
        first_in_at=datetime.fromisoformat(first_in),
        last_out_at=datetime.fromisoformat(last_out) if last_out else None,
        first_scan_id=UUID(first_scan_id),
        method=method,
        operator_id=UUID(operator_id) if operator_id else None,
    )
