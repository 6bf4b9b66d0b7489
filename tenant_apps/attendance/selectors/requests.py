"""Questions about corrections and excuses."""

from datetime import datetime
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.attendance.errors import RequestNotFound
from tenant_apps.attendance.models import Attendance, AttendanceRequest
from tenant_apps.attendance.rules.requests import RequestState


def list_own_requests(user: User) -> QuerySet[AttendanceRequest]:
    """Return what ``user`` has asked for, newest first."""
    return _requests().filter(user_id=user.pk).order_by("-requested_at", "-id")


def list_requests_to_decide(user: User) -> QuerySet[AttendanceRequest]:
    """Return the requests of others on which ``user`` may decide, also those that are decided, most urgent first.

    Organizers those about events they run, campus admins all.
    """
    rows = _requests().exclude(user_id=user.pk).order_by("decide_by", "id")
    return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(event__organizer_id=user.pk)


def get_request(*, user: User, request_id: UUID) -> AttendanceRequest:
    """Return one request that ``user`` has made, or may decide.

    Raises: RequestNotFound, also for one that exists and is not theirs to see.
    """
    found = _requests().filter(pk=request_id)
    if user.role != Role.CAMPUS_ADMIN:
        mine = Q(user_id=user.pk)
        found = found.filter(mine | Q(event__organizer_id=user.pk) if user.role == Role.ORGANIZER else mine)
    request = found.first()
    if request is None:
        raise RequestNotFound
    return request


def list_overdue_since(*, since: datetime | None, at: datetime) -> QuerySet[AttendanceRequest]:
    """Return the open requests whose time to decide ended after ``since`` (None: whenever) and before ``at``."""
    rows = AttendanceRequest.objects.filter(state=RequestState.OPEN, decide_by__lt=at)
    return rows.filter(decide_by__gte=since) if since else rows


def _requests() -> QuerySet[AttendanceRequest]:
    """Requests with the id of the attendance that they are about, where there is one."""
    attendance = Attendance.objects.filter(session_id=OuterRef("session_id"), user_id=OuterRef("user_id"))
    return AttendanceRequest.objects.select_related("event", "session", "user").annotate(
        attendance_id=Subquery(attendance.values("id")[:1])
    )
