"""Corrections and excuses: asked for by whom they are about, decided by somebody else.

A decision is a new fact. It is written on the request once, and a correction is appended to each attendance that it
changes; scans, and what was decided before, stay as they were. Events that are completed or cancelled meanwhile are
decided on all the same.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.audit.services import record_action
from shared_apps.common.ids import uuid7
from shared_apps.outbox.services import find_last_turn, take_slot
from tenant_apps.attendance.errors import (
    AlreadyDecided,
    AskedTooEarly,
    AskedTooLate,
    NotHeld,
    OwnRequest,
    RequestNotFound,
    RequestOpen,
    SessionNeeded,
)
from tenant_apps.attendance.models import Attendance, AttendanceRequest
from tenant_apps.attendance.rules.requests import (
    DECIDE_WITHIN,
    RequestKind,
    RequestState,
    Untimely,
    WantedStatus,
    refuse_time,
)
from tenant_apps.attendance.rules.scans import NOT_THERE, AttendanceStatus, Method
from tenant_apps.attendance.selectors.requests import get_request, list_overdue_since
from tenant_apps.attendance.services.corrections import change_status
from tenant_apps.events.errors import SessionNotFound
from tenant_apps.events.models import Session
from tenant_apps.events.rules.events import EventStatus
from tenant_apps.events.selectors.events import get_visible_event
from tenant_apps.notifications.services.notices import send_notices

REMIND_EVERY: Final = timedelta(hours=1)
_REMINDER: Final = "remind-of-requests"


@transaction.atomic
def ask(
    *,
    by: User,
    at: datetime,
    kind: RequestKind,
    event_id: UUID,
    session_id: UUID | None,
    wanted_status: WantedStatus,
    category: str,
    reason: str,
    evidence: str,
) -> AttendanceRequest:
    """Ask that one's own presence be corrected, or an absence excused. Staff decide within ``DECIDE_WITHIN``.

    One request about the same thing is open at a time; PostgreSQL's unique index decides.

    Raises: EventNotFound, SessionNotFound, NotHeld, SessionNeeded, AskedTooEarly, AskedTooLate, RequestOpen.
    """
    event = get_visible_event(user=by, event_id=event_id)
    if event.status not in {EventStatus.PUBLISHED, EventStatus.COMPLETED}:
        raise NotHeld
    if session_id is None and kind == RequestKind.CORRECTION:
        raise SessionNeeded(attr="session_id")
    session = next((one for one in event.sessions.all() if one.pk == session_id), None)
    if session_id is not None and session is None:
        raise SessionNotFound
    about = session or event
    refusal = refuse_time(kind, starts_at=about.starts_at, ends_at=about.ends_at, at=at)
    if refusal is not None:
        raise AskedTooLate if refusal == Untimely.TOO_LATE else AskedTooEarly
    try:
        with transaction.atomic():
            request = AttendanceRequest.objects.create(
                kind=kind, event=event, session=session, user=by, wanted_status=wanted_status, category=category,
                reason=reason, evidence=evidence, requested_at=at, decide_by=at + DECIDE_WITHIN,
            )  # fmt: skip
    except IntegrityError as error:
        if "attendance_request_open_once" in str(error):
            raise RequestOpen from None
        raise
    _record(request, by=by, at=at, action="request.made")
    return get_request(user=by, request_id=request.pk)


@transaction.atomic
def withdraw_request(*, by: User, at: datetime, request_id: UUID) -> AttendanceRequest:
    """Take back an open request of one's own.

    Locks: the request. Raises: RequestNotFound, AlreadyDecided.
    """
    request = lock_own_request(by=by, request_id=request_id)
    request.state = RequestState.WITHDRAWN
    request.save(update_fields=["state"])
    _record(request, by=by, at=at, action="request.withdrawn")
    return get_request(user=by, request_id=request_id)


@transaction.atomic
def approve_request(
    *, by: User, at: datetime, request_id: UUID, status: WantedStatus | None, reason: str
) -> AttendanceRequest:
    """Grant what somebody else asked for, or (``status``) something else in its place.

    An excuse makes absences excused: at once where the session is closed, else when it is closed. Presence that was
    recorded stands. A corrected status is what the attendance is from now on, and one is made where none was.

    Locks: the request, then its sessions by id, then attendance and visit of each. Who closes a session locks it
    before looking for excuses, so either sees what the other has done.

    Raises: RequestNotFound, OwnRequest, AlreadyDecided, SessionNeeded, CountedElsewhere.
    """
    request = _lock_request_of_another(by, request_id)
    granted = AttendanceStatus(status or request.wanted_status)
    why = reason or "Granted as asked."
    if request.kind == RequestKind.EXCUSE and granted == AttendanceStatus.EXCUSED:
        for session in _list_missed(request, _lock_sessions(request)):
            _excuse(request, session, by=by, at=at, reason=why)
    else:
        if request.session_id is None:
            raise SessionNeeded("An excuse for the whole event cannot be granted as presence.", attr="status")
        (session,) = _lock_sessions(request)
        attendance = _attendance_of(request, session, at=at)
        if attendance.status != granted or attendance.decided_status != granted:
            change_status(attendance, granted, by=by, at=at, reason=why)
    _decide(request, RequestState.APPROVED, by=by, at=at, reason=reason, granted=granted.value)
    return get_request(user=by, request_id=request_id)


@transaction.atomic
def decline_request(*, by: User, at: datetime, request_id: UUID, reason: str) -> AttendanceRequest:
    """Refuse what somebody else asked for, with a reason that they read.

    Locks: the request. Raises: RequestNotFound, OwnRequest, AlreadyDecided.
    """
    request = _lock_request_of_another(by, request_id)
    _decide(request, RequestState.DECLINED, by=by, at=at, reason=reason)
    return get_request(user=by, request_id=request_id)


@transaction.atomic
def remind_of_overdue_requests(*, at: datetime) -> int:
    """Tell those who decide of each request whose time has run out since the last turn; return how many.

    Once for each request: the turn and the notices are one transaction, so a run that was killed is followed by
    another that begins where it began. Organizers hear of events they run, campus admins of all, nobody of their own.
    """
    since = find_last_turn(name=_REMINDER)
    if not take_slot(name=_REMINDER, every=REMIND_EVERY, at=at):
        return 0
    staff = User.objects.filter(is_active=True)
    admins = set(staff.filter(role=Role.CAMPUS_ADMIN).values_list("pk", flat=True))
    overdue = list(list_overdue_since(since=since, at=at).select_related("event__organizer").order_by("id"))
    for request in overdue:
        organizer = request.event.organizer
        deciders = admins | ({organizer.pk} if organizer and organizer.is_active else set())
        send_notices(
            to=sorted(deciders - {request.user_id}),
            kind="request.overdue",
            text=f"A request about {request.event.title} has not been decided in time.",
            at=at,
            event_id=request.event_id,
        )
    return len(overdue)


def _list_missed(request: AttendanceRequest, sessions: list[Session]) -> list[Session]:
    """Return those that are over for whoever asked; of one that is not closed yet, closing reads the request."""
    absences = Attendance.objects.filter(
        session__in=sessions, user_id=request.user_id, status=AttendanceStatus.ABSENT
    ).values_list("session_id", flat=True)
    absent = set(absences)
    return [session for session in sessions if session.closed_at is not None or session.pk in absent]


def _excuse(request: AttendanceRequest, session: Session, *, by: User, at: datetime, reason: str) -> None:
    """Excuse somebody from a session that is over for them."""
    attendance = _attendance_of(request, session, at=at)
    if attendance.status in NOT_THERE - {AttendanceStatus.EXCUSED}:
        # As closing writes it: somebody who was there after all, and whose scan arrives later, was there.
        change_status(attendance, AttendanceStatus.EXCUSED, by=by, at=at, reason=reason, holds=False)


def _attendance_of(request: AttendanceRequest, session: Session, *, at: datetime) -> Attendance:
    """Return the attendance of who asked at ``session``, locked; made as an absence where there is none."""
    Attendance.objects.bulk_create(
        [
            Attendance(
                id=uuid7(), event_id=request.event_id, session=session, user_id=request.user_id,
                status=AttendanceStatus.ABSENT, method=Method.NONE, created_at=at, updated_at=at,
            )
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    rows = Attendance.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("event", "session", "user", "visitor").get(session=session, user_id=request.user_id)


def _lock_sessions(request: AttendanceRequest) -> list[Session]:
    rows = Session.objects.select_for_update(no_key=True).filter(event_id=request.event_id).order_by("id")
    return list(rows.filter(pk=request.session_id) if request.session_id else rows)


def _lock_request_of_another(by: User, request_id: UUID) -> AttendanceRequest:
    """Return an open request that ``by`` may decide on, locked."""
    if get_request(user=by, request_id=request_id).user_id == by.pk:
        raise OwnRequest
    return _lock_open_request(AttendanceRequest.objects.all(), request_id)


def lock_own_request(*, by: User, request_id: UUID) -> AttendanceRequest:
    """Return an open request of one's own, locked until the transaction ends: nobody decides meanwhile.

    Raises: RequestNotFound, AlreadyDecided.
    """
    return _lock_open_request(AttendanceRequest.objects.filter(user_id=by.pk), request_id)


def _lock_open_request(rows, request_id: UUID) -> AttendanceRequest:  # type: ignore[no-untyped-def]
    request: AttendanceRequest | None = rows.select_for_update(no_key=True).filter(pk=request_id).first()
    if request is None:
        raise RequestNotFound
    if request.state != RequestState.OPEN:
        raise AlreadyDecided
    return request


def _decide(
    request: AttendanceRequest, state: RequestState, *, by: User, at: datetime, reason: str, granted: str = ""
) -> None:
    """Write the decision on a request that is locked, and tell who asked."""
    request.state, request.decided_at, request.decided_by_id, request.decision_reason = state, at, by.pk, reason
    request.save(update_fields=["state", "decided_at", "decided_by_id", "decision_reason"])
    send_notices(
        to=[request.user_id],
        kind="request.decided",
        text=f"Your request about {request.event.title} was {state.label.lower()}.",
        at=at,
        event_id=request.event_id,
    )
    _record(request, by=by, at=at, action=f"request.{state.value}", granted=granted, reason=reason)


def _record(
    request: AttendanceRequest, *, by: User, at: datetime, action: str, granted: str = "", reason: str = ""
) -> None:
    """The audit has no reasons of those who ask: they may be about somebody's health."""
    record_action(
        at=at, by=by, action=action, target_type="attendance_request", target_id=request.pk, reason=reason,
        changes={"kind": request.kind} | ({"granted": granted} if granted else {}),
    )  # fmt: skip
