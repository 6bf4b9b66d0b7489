"""Who is expected at an event: for doors before and during it, for staff afterwards."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.rules import display_name
from shared_apps.federation.models import Visit
from shared_apps.federation.rules import VisitStatus
from tenant_apps.attendance.errors import EventNotFound, NotYourEvent, SessionNotClosed, SessionNotFound
from tenant_apps.attendance.models import Attendance, Expected, Scanner
from tenant_apps.attendance.rules.rosters import Walk
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.events import EventStatus
from tenant_apps.events.selectors.audiences import IN_AUDIENCE
from tenants.context import current_campus

# On the roster are the audience of a required event, and whoever has, waits for, or asks for a place. At an event that
# neither requires nor registers anybody a door needs no names.
_ROSTER: Final = f"""
    SELECT x.* FROM (
        SELECT u.id, u.person_id, u.first_name, u.last_name, u.username, u.student_id, u.pass_serial,
               p.department, p.program, p.year_level, p.section, r.state AS place,
               (e.is_required AND {IN_AUDIENCE})
               OR (u.is_active AND coalesce(r.state IN ('requested', 'registered', 'waiting'), false)) AS belongs,
               greatest(u.updated_at, p.updated_at, r.updated_at) AS changed_at
          FROM events_event e
          CROSS JOIN accounts_user u
          JOIN accounts_profile p ON p.user_id = u.id
          LEFT JOIN events_registration r ON r.event_id = e.id AND r.user_id = u.id
         WHERE e.id = %(event_id)s AND (%(after)s::uuid IS NULL OR u.id > %(after)s)
    ) x
     WHERE CASE WHEN %(since)s::timestamptz IS NULL THEN x.belongs ELSE x.changed_at >= %(since)s END
     ORDER BY x.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody on the roster, as a door needs them; ``belongs`` false: somebody who is on it no longer."""

    user_id: UUID
    person_id: UUID
    display_name: str
    student_id: str | None
    pass_serial: int
    department: str
    program: str
    year_level: int | None
    section: str
    place: str | None
    belongs: bool


def get_roster_event(*, user: User, event_id: UUID, at: datetime) -> Event:
    """Return an event whose roster ``user`` may read: campus admins any, organizers those they run, an enrolled scanner
    those it is enrolled for, a scanner's account that was made by hand those that are published.

    Raises: EventNotFound, also for drafts of others; NotYourEvent.
    """
    event = Event.objects.filter(pk=event_id).first()
    if event is None:
        raise EventNotFound
    if user.role == Role.CAMPUS_ADMIN or (user.role == Role.ORGANIZER and event.organizer_id == user.pk):
        return event
    if user.role == Role.SCANNER:
        scanner = Scanner.objects.filter(user_id=user.pk).first()
        if scanner is None and event.status == EventStatus.PUBLISHED:
            return event
        if scanner is not None and event.pk in scanner.event_ids:
            if scanner.revoked_at is None and at < scanner.expires_at:
                return event
            raise NotYourEvent("This scanner's time is over.")
    if event.status == EventStatus.DRAFT:
        raise EventNotFound
    raise NotYourEvent


def list_roster(*, event_id: UUID, walk: Walk, limit: int) -> tuple[list[Listed], Walk | None]:
    """Return the next ``limit`` people of a walk, and where it goes on (None: nowhere). One statement.

    A walk of what changed also has people who are not on the roster, as far as something about them changed: whoever
    has them there takes them off.
    """
    values: dict[str, Any] = {
        "event_id": event_id, "since": walk.since, "after": walk.after, "limit": limit + 1,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ROSTER, values)
        rows = [_listed(row) for row in cursor.fetchall()]
    page = rows[:limit]
    return page, Walk(walk.as_of, walk.since, page[-1].user_id) if len(rows) > limit else None


def _listed(row: tuple[Any, ...]) -> Listed:
    id_, person_id, first, last, username, student_id, serial, department, program, year, section, place, belongs, _ = (
        row
    )
    name = display_name(first_name=first, last_name=last, username=username)
    return Listed(id_, person_id, name, student_id, serial, department, program, year, section, place, belongs)


def list_expected(*, user: User, event_id: UUID, session_id: UUID) -> QuerySet[Expected]:
    """Return who was expected at a closed session, by name, each with ``status``, ``first_in_at`` and ``attended_at``:
    the code of another campus that counted them for the same event.

    ``status`` is None where this campus has no attendance that counts; their groups are those of the closing.

    Raises: EventNotFound, NotYourEvent, SessionNotFound, SessionNotClosed.
    """
    session = Session.objects.select_related("event").filter(pk=session_id, event_id=event_id).first()
    event = session.event if session else Event.objects.filter(pk=event_id).first()
    runs_it = event is not None and (user.role == Role.CAMPUS_ADMIN or event.organizer_id == user.pk)
    if event is None or (event.status == EventStatus.DRAFT and not runs_it):
        raise EventNotFound
    if not runs_it:
        raise NotYourEvent
    if session is None:
        raise SessionNotFound
    if session.closed_at is None:
        raise SessionNotClosed
    attendance = Attendance.objects.filter(session_id=session_id, user_id=OuterRef("user_id"))
    away = (
        Visit.objects.filter(event_id=event.federated_event_id or event.pk, person_id=OuterRef("user__person_id"))
        .exclude(host=current_campus().code)
        .exclude(status=VisitStatus.VOID)
    )
    return (
        Expected.objects.filter(session_id=session_id)
        .select_related("user")
        .annotate(
            attendance_id=Subquery(attendance.values("id")[:1]),
            status=Subquery(attendance.values("status")[:1]),
            first_in_at=Subquery(attendance.values("first_in_at")[:1]),
            attended_at=Subquery(away.values("host")[:1]),
        )
        .order_by("user__last_name", "user__first_name", "id")
    )
