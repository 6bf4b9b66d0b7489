"""Verbs of events. Each locks the event, so that its sessions and status change one at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import STAFF_ROLES, Role
from shared_apps.audit.services import record_action
from tenant_apps.events.errors import (
    EventClosed,
    EventNotFound,
    EventWasPublished,
    InvalidTimes,
    LastSession,
    NotYourEvent,
    OrganizerNotFound,
    SessionHasAttendance,
    SessionNotFound,
    TooManySessions,
    WrongEventStatus,
)
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules import MOST_SESSIONS, TRANSITIONS, EventStatus, Instants, event_span, fill_instants

SessionData = dict[str, Any]


@transaction.atomic
def create_event(
    *,
    by: User,
    at: datetime,
    title: str,
    sessions: Sequence[SessionData],
    description: str = "",
    venue: str = "",
    organizer_id: UUID | None = None,
) -> Event:
    """Create a draft. Each session has ``starts_at`` and ``ends_at``, and may have ``name`` and the other instants.

    The creator runs it, unless a campus admin names somebody else.

    Raises: InvalidTimes, TooManySessions, OrganizerNotFound, NotYourEvent.
    """
    instants = [_instants(session) for session in sessions]
    if len(instants) > MOST_SESSIONS:
        raise TooManySessions
    starts_at, ends_at = event_span(instants)
    event = Event.objects.create(
        title=title,
        description=description,
        venue=venue,
        organizer=_organizer(organizer_id, by=by),
        starts_at=starts_at,
        ends_at=ends_at,
    )
    Session.objects.bulk_create(
        Session(event=event, name=data.get("name", ""), **_columns(times))
        for data, times in zip(sessions, instants, strict=True)
    )
    _record(event, by=by, at=at, action="event.created")
    return event


@transaction.atomic
def update_event(*, by: User, at: datetime, event_id: UUID, changes: dict[str, Any]) -> Event:
    """Change title, description, venue or organizer.

    Raises: EventNotFound, NotYourEvent, EventClosed, OrganizerNotFound.
    """
    event = _lock_open_event(event_id, by=by)
    changes = dict(changes)
    if "organizer_id" in changes:
        event.organizer = _organizer(changes.pop("organizer_id"), by=by)
    for field, value in changes.items():
        setattr(event, field, value)
    event.save()
    _record(event, by=by, at=at, action="event.changed", changes={"fields": sorted(changes)})
    return event


@transaction.atomic
def delete_draft(*, by: User, at: datetime, event_id: UUID) -> None:
    """Delete an event that nobody has seen yet.

    Raises: EventNotFound, NotYourEvent, EventWasPublished.
    """
    event = _lock_event(event_id, by=by)
    if event.status != EventStatus.DRAFT:
        raise EventWasPublished
    _record(event, by=by, at=at, action="event.deleted")
    event.delete()


def publish_event(*, by: User, at: datetime, event_id: UUID) -> Event:
    """Show a draft to everybody of the campus.

    Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    return _change_status(event_id, EventStatus.PUBLISHED, by=by, at=at, published_at=at)


def complete_event(*, by: User, at: datetime, event_id: UUID) -> Event:
    """Close an event: no presence is recorded from now on.

    Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    return _change_status(event_id, EventStatus.COMPLETED, by=by, at=at, completed_at=at)


def cancel_event(*, by: User, at: datetime, event_id: UUID, reason: str) -> Event:
    """Call a published event off. What was recorded stays.

    Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    return _change_status(event_id, EventStatus.CANCELLED, by=by, at=at, cancelled_at=at, cancel_reason=reason)


@transaction.atomic
def add_session(*, by: User, at: datetime, event_id: UUID, session: SessionData) -> Session:
    """Add a session.

    Raises: EventNotFound, NotYourEvent, EventClosed, InvalidTimes, TooManySessions.
    """
    event = _lock_open_event(event_id, by=by)
    if event.sessions.count() >= MOST_SESSIONS:
        raise TooManySessions
    added = Session.objects.create(event=event, name=session.get("name", ""), **_columns(_instants(session)))
    _follow_sessions(event)
    _record(event, by=by, at=at, action="event.session_added", changes={"session": str(added.pk)})
    return added


@transaction.atomic
def update_session(*, by: User, at: datetime, event_id: UUID, session_id: UUID, changes: SessionData) -> Session:
    """Change a session. Its times stay as they are once presence was recorded at it.

    Raises: EventNotFound, SessionNotFound, NotYourEvent, EventClosed, SessionHasAttendance, InvalidTimes.
    """
    event = _lock_open_event(event_id, by=by)
    session = _get_session(event, session_id)
    times = {name: value for name, value in changes.items() if name != "name"}
    if times:
        _refuse_with_attendance(session)
        instants = _instants({**_columns(session.instants), **times})
        for field, value in _columns(instants).items():
            setattr(session, field, value)
    session.name = changes.get("name", session.name)
    session.save()
    _follow_sessions(event)
    _record(
        event, by=by, at=at, action="event.session_changed",
        changes={"session": str(session_id), "fields": sorted(changes)},
    )  # fmt: skip
    return session


@transaction.atomic
def remove_session(*, by: User, at: datetime, event_id: UUID, session_id: UUID) -> None:
    """Take a session away at which nobody was recorded.

    Raises: EventNotFound, SessionNotFound, NotYourEvent, EventClosed, SessionHasAttendance, LastSession.
    """
    event = _lock_open_event(event_id, by=by)
    session = _get_session(event, session_id)
    _refuse_with_attendance(session)
    if event.sessions.count() == 1:
        raise LastSession
    session.delete()
    _follow_sessions(event)
    _record(event, by=by, at=at, action="event.session_removed", changes={"session": str(session_id)})


@transaction.atomic
def _change_status(event_id: UUID, to: EventStatus, *, by: User, at: datetime, **stamps: Any) -> Event:
    event = _lock_event(event_id, by=by)
    if event.status == to:
        return event  # said twice
    if to not in TRANSITIONS[event.status]:
        raise WrongEventStatus(f"An event that is {event.status} cannot become {to}.")
    event.status = to
    for field, value in stamps.items():
        setattr(event, field, value)
    event.save()
    _record(event, by=by, at=at, action=f"event.{to}", reason=stamps.get("cancel_reason", ""))
    return event


def _lock_event(event_id: UUID, *, by: User) -> Event:
    """Return the event, locked until the transaction ends, if ``by`` runs it."""
    event = Event.objects.select_for_update(no_key=True, of=("self",)).filter(pk=event_id).first()
    runs_it = event is not None and (by.role == Role.CAMPUS_ADMIN or event.organizer_id == by.pk)
    if event is None or (event.status == EventStatus.DRAFT and not runs_it):
        raise EventNotFound
    if not runs_it:
        raise NotYourEvent
    return event


def _lock_open_event(event_id: UUID, *, by: User) -> Event:
    event = _lock_event(event_id, by=by)
    if not TRANSITIONS[event.status]:
        raise EventClosed
    return event


def _get_session(event: Event, session_id: UUID) -> Session:
    session = event.sessions.filter(pk=session_id).first()
    if session is None:
        raise SessionNotFound
    return session


def _refuse_with_attendance(session: Session) -> None:
    # The app above keeps attendance; its rows are asked for by the name they give this relation.
    if Session.objects.filter(pk=session.pk, attendances__isnull=False).exists():
        raise SessionHasAttendance


def _follow_sessions(event: Event) -> None:
    event.starts_at, event.ends_at = event_span([session.instants for session in event.sessions.all()])
    event.save(update_fields=["starts_at", "ends_at", "updated_at"])


def _organizer(organizer_id: UUID | None, *, by: User) -> User:
    if organizer_id is None or organizer_id == by.pk:
        return by
    if by.role != Role.CAMPUS_ADMIN:
        raise NotYourEvent("Only a campus admin hands an event to somebody else.")
    organizer = User.objects.filter(pk=organizer_id, role__in=STAFF_ROLES, is_active=True).first()
    if organizer is None:
        raise OrganizerNotFound(attr="organizer_id")
    return organizer


def _instants(session: SessionData) -> Instants:
    instants = fill_instants(**{name: value for name, value in session.items() if name != "name"})
    if not instants.in_order:
        raise InvalidTimes(attr="starts_at")
    return instants


def _columns(instants: Instants) -> dict[str, datetime]:
    return {
        "opens_at": instants.opens_at,
        "starts_at": instants.starts_at,
        "late_after": instants.late_after,
        "ends_at": instants.ends_at,
        "closes_at": instants.closes_at,
    }


def _record(
    event: Event, *, by: User, at: datetime, action: str, reason: str = "", changes: dict[str, Any] | None = None
) -> None:
    record_action(at=at, by=by, action=action, target_type="event", target_id=event.pk, reason=reason, changes=changes)
