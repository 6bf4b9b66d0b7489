"""Whose names are called."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.accounts.rules import display_name
from tenant_apps.attendance.errors import SessionNotFound, TooManyPeople
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.scans import AttendanceStatus
from tenant_apps.events.models import Event
from tenant_apps.events.selectors.audiences import IN_AUDIENCE
from tenant_apps.events.selectors.registrations import get_run_event

MOST_PEOPLE: Final = 500

_GROUP: Final = f"""
    SELECT count(*) OVER (), u.id, u.first_name, u.last_name, u.username, u.student_id,
           p.department, p.program, p.year_level, p.section
      FROM (SELECT %(audience)s::jsonb AS audience) e
     CROSS JOIN accounts_user u
      JOIN accounts_profile p ON p.user_id = u.id
     WHERE {IN_AUDIENCE}
     ORDER BY lower(u.last_name), lower(u.first_name), u.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody of a group, as they are called."""

    user_id: UUID
    display_name: str
    student_id: str | None
    department: str
    program: str
    year_level: int | None
    section: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The people of a group by name, and what each has at the event already."""

    event: Event
    people: list[Listed]
    attendance: Mapping[UUID, list[Attendance]]


def get_called_event(*, user: User, event_id: UUID, session_id: UUID | None) -> Event:
    """Return an event whose roll ``user`` may call, with its sessions: campus admins any, organizers those they run.

    Raises: EventNotFound, NotYourEvent, SessionNotFound.
    """
    event = get_run_event(user=user, event_id=event_id)
    if session_id is not None and session_id not in {session.pk for session in event.sessions.all()}:
        raise SessionNotFound
    return event


def list_group(groups: Iterable[Mapping[str, Any]]) -> list[Listed]:
    """Return the active students whom any of ``groups`` describes, by name; all, if there are none. One statement.

    Raises: TooManyPeople, which says how many they are.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GROUP, {"audience": json.dumps(list(groups)), "limit": MOST_PEOPLE + 1})
        rows = cursor.fetchall()
    if len(rows) > MOST_PEOPLE:
        raise TooManyPeople(f"These are {rows[0][0]} people; at most {MOST_PEOPLE} are called at once.")
    return [
        Listed(id_, display_name(first_name=first, last_name=last, username=username), student_id, *group)
        for _, id_, first, last, username, student_id, *group in rows
    ]


def read_sheet(*, user: User, event_id: UUID, session_id: UUID | None, group: Mapping[str, Any]) -> Sheet:
    """Return whom staff call, and what is recorded of them already; without a ``group`` those whom the event expects.

    Four statements, however many people. Raises: EventNotFound, NotYourEvent, SessionNotFound, TooManyPeople.
    """
    event = get_called_event(user=user, event_id=event_id, session_id=session_id)
    people = list_group([group] if group else event.audience)
    rows = Attendance.objects.filter(event=event, user_id__in=[person.user_id for person in people])
    rows = rows.exclude(status=AttendanceStatus.VOID).order_by("session__starts_at", "id")
    attendance: dict[UUID, list[Attendance]] = {}
    for row in rows.filter(session_id=session_id) if session_id else rows:
        if row.user_id is not None:
            attendance.setdefault(row.user_id, []).append(row)
    return Sheet(event, people, attendance)
