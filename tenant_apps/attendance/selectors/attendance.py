"""Questions about presence."""

from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.federation.models import Visit
from shared_apps.federation.rules import TranscriptEntry, VisitStatus
from shared_apps.federation.selectors import list_away_visits
from tenant_apps.attendance.errors import AttendanceNotFound
from tenant_apps.attendance.models import Attendance, Scan, Visitor
from tenant_apps.attendance.rules.scans import NOT_THERE
from tenants.context import current_campus


def list_attendance(user: User) -> QuerySet[Attendance]:
    """Return the attendance that ``user`` may see, newest first: by when it was written, as who was absent never came.

    Students see their own, organizers that of the events they run and their own, campus admins all.
    """
    rows = Attendance.objects.select_related("event", "session", "user", "visitor", "guest").order_by(
        "-created_at", "-id"
    )
    if user.role == Role.CAMPUS_ADMIN:
        return rows
    mine = rows.filter(user_id=user.pk)
    return mine | rows.filter(event__organizer_id=user.pk) if user.role == Role.ORGANIZER else mine


def list_away_attendance(user: User) -> QuerySet[Visit]:
    """Return the visits to other campuses that ``user`` may see: campus admins all, everybody else their own."""
    rows = name_visits(list_away_visits())
    return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(person_id=user.person_id)


def name_visits(visits: QuerySet[Visit]) -> QuerySet[Visit]:
    """Add ``user_id``, ``student_id``, ``first_name``, ``last_name`` and ``username`` where the person is of this
    campus, ``visitor_name`` where it has met them as a visitor; None where it knows nobody.
    """
    person = User.objects.filter(person_id=OuterRef("person_id"))
    visitor = Visitor.objects.filter(person_id=OuterRef("person_id"))
    return visits.annotate(
        user_id=Subquery(person.values("id")[:1]),
        **{name: Subquery(person.values(name)[:1]) for name in ("student_id", "first_name", "last_name", "username")},
        visitor_name=Subquery(visitor.values("display_name")[:1]),
    )


def list_presences(user: User) -> list[TranscriptEntry]:
    """Return everything that somebody of this campus was counted for, here and away: their part of a transcript."""
    me = current_campus().code
    columns = ("status", "last_out_at")
    here = Attendance.objects.filter(user=user).exclude(status__in=NOT_THERE)
    away = list_away_visits().filter(person_id=user.person_id).exclude(status=VisitStatus.VOID)
    rows = [
        # Where staff decided that somebody was there, the time of coming may not be known.
        *here.values(
            *columns, event_title=F("event__title"), session_name=F("session__name"), host=Value(me),
            came_at=Coalesce("first_in_at", "session__starts_at"),
        ),
        *away.values(*columns, "event_title", "session_name", "host", came_at=F("first_in_at")),
    ]  # fmt: skip
    return [TranscriptEntry(home=me, first_in_at=row.pop("came_at"), **row) for row in rows]


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
