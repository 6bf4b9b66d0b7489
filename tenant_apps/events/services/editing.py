"""What people do with events. Each verb locks the event, so that its sessions and status change one at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import STAFF_ROLES, Role
from shared_apps.audit.services import record_action
from shared_apps.common.errors import Invalid, Several
from shared_apps.federation.errors import NothingToSeat
from shared_apps.federation.rules import FederatedStatus
from shared_apps.federation.selectors import get_federated_event
from shared_apps.federation.services.hosting import Offer, check_invited, offer_event
from shared_apps.outbox.services import add_message
from tenant_apps.events.errors import (
    CommonField,
    EventClosed,
    EventHasAttendance,
    EventWasPublished,
    IncompletePosition,
    InvalidRegistrationTimes,
    InvalidTimes,
    LastSession,
    NoDays,
    NotYourEvent,
    OrganizerNotFound,
    OutsideCommonTimes,
    PlacesTaken,
    SessionHasAttendance,
    SessionIsClosed,
    SessionNotFound,
    SessionsNotOver,
    StayTooLong,
    TooManySessions,
    WrongEventStatus,
)
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.events import MOST_SESSIONS, TRANSITIONS, EventStatus, Instants, event_span, fill_instants
from tenant_apps.events.rules.registrations import are_instants_sensible
from tenant_apps.events.rules.repetition import Overlap, Pattern, find_overlaps, list_days, slot_instants
from tenant_apps.events.selectors.registrations import count_taken
from tenant_apps.events.services.locking import lock_event
from tenant_apps.events.services.registrations import promote_waiting
from tenant_apps.events.services.telling import announce_cancelled, announce_dropped, announce_moved, announce_venue
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.services import forget_files
from tenants.context import current_campus

SessionData = dict[str, Any]
REGISTRATION_TIMES: Final = frozenset({"registration_opens_at", "registration_closes_at", "releases_seats_at"})
COMMON_FIELDS: Final = frozenset({"title", "description", "is_multi_campus", "allowed_campuses", "campus_seats"})
# What a session asks of those who come, beside its times. Changeable like these, as statuses are derived from both.
POLICY_FIELDS: Final = ("requires_check_out", "missing_check_out", "allows_re_entry", "minimum_stay")
# Of the app above, which closes sessions; this app knows it by name only.
_CLOSE_SESSIONS: Final = "tenant_apps.attendance.tasks.close_event_sessions"


@dataclass(frozen=True, slots=True)
class AddedSessions:
    """What was added, or would be: the sessions, and which sessions of the event lie over each other since.

    The overlaps speak of ``compared``: what the event has already, and then what is added.
    """

    sessions: list[Session]
    compared: list[Session]
    overlaps: list[Overlap]


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
    is_multi_campus: bool = False,
    allowed_campuses: Sequence[str] = (),
    campus_seats: dict[str, int | None] | None = None,
    **own: Any,
) -> Event:
    """Create a draft. Each session has ``starts_at`` and ``ends_at``, and may have ``name``, the other instants, and
    what it asks of those who come (``POLICY_FIELDS``).

    The creator runs it, unless a campus admin names somebody else; where a super admin acts, and names nobody, only
    campus admins do. ``allowed_campuses`` (codes) may come to a
    ``is_multi_campus`` event once it is published, ``campus_seats`` bounds how many of each. ``own`` are fields
    of ``Event`` that every campus decides by itself: how one registers, who is expected, which proofs it takes, where.

    Raises: InvalidTimes, StayTooLong, TooManySessions, OrganizerNotFound, NotYourEvent, UnknownCampus, OwnCampus,
    NothingToSeat, InvalidRegistrationTimes, IncompletePosition.
    """
    rows = [Session(**_session_values(session)) for session in sessions]
    if len(rows) > MOST_SESSIONS:
        raise TooManySessions
    starts_at, ends_at = event_span([row.instants for row in rows])
    event = Event(
        title=title,
        description=description,
        venue=venue,
        organizer=_organizer(organizer_id, by=by),
        starts_at=starts_at,
        ends_at=ends_at,
        is_multi_campus=is_multi_campus,
        invitations=_invitations([], allowed_campuses=allowed_campuses, campus_seats=campus_seats),
        **own,
    )
    _check_own(event, own)
    event.save()
    for row in rows:
        row.event = event
    Session.objects.bulk_create(rows)
    _record(event, by=by, at=at, action="event.created")
    return event


@transaction.atomic
def update_event(*, by: User, at: datetime, event_id: UUID, changes: dict[str, Any]) -> Event:
    """Change title, description, venue, organizer, who is invited and to how many seats, or what ``create_event``
    calls ``own``: that is the campus's to change at a university-wide event too.

    What is shared changes for every invited campus in the same transaction; a larger capacity gives places to those who
    wait. Another way to register changes nothing for those who have a place, or have come.

    Raises: EventNotFound, NotYourEvent, EventClosed, OrganizerNotFound, CommonField, UnknownCampus, OwnCampus,
    NothingToSeat, SeatsTaken, PlacesTaken, InvalidRegistrationTimes, IncompletePosition.
    """
    event = _lock_open_event(event_id, by=by)
    changes = dict(changes)
    fields = sorted(changes)
    if event.is_university_wide and (fixed := COMMON_FIELDS & changes.keys()):
        raise CommonField(attr=min(fixed))
    if "organizer_id" in changes:
        event.organizer = _organizer(changes.pop("organizer_id"), by=by)
    allowed, seats = changes.pop("allowed_campuses", None), changes.pop("campus_seats", None)
    if allowed is not None or seats is not None:
        event.invitations = _invitations(event.invitations, allowed_campuses=allowed, campus_seats=seats)
    venue = event.venue
    for field, value in changes.items():
        setattr(event, field, value)
    _check_own(event, changes)
    event.save()
    if "capacity" in changes:
        promote_waiting(event, at=at)
    _share(event, at=at)
    if event.status == EventStatus.PUBLISHED and event.venue != venue:
        announce_venue(event, at=at)
    _record(event, by=by, at=at, action="event.changed", changes={"fields": fields})
    return event


@transaction.atomic
def delete_draft(*, by: User, at: datetime, event_id: UUID) -> None:
    """Delete an event that nobody has seen yet, and its poster.

    Raises: EventNotFound, NotYourEvent, EventWasPublished.
    """
    event = lock_event(event_id, by=by)
    if event.status != EventStatus.DRAFT:
        raise EventWasPublished
    _record(event, by=by, at=at, action="event.deleted")
    forget_files(kind=UploadKind.POSTER, subject_id=event_id)
    event.delete()


def publish_event(*, by: User, at: datetime, event_id: UUID) -> Event:
    """Show a draft to everybody of the campus.

    Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    return _change_status(event_id, EventStatus.PUBLISHED, by=by, at=at, published_at=at)


@transaction.atomic
def complete_event(*, by: User, at: datetime, event_id: UUID, reason: str = "") -> Event:
    """Close an event: no presence is recorded, and no session changed, from now on.

    Its sessions that are over are closed by a message, written here, so that completing waits for none of them. One
    that is running is closed at its end. With a ``reason`` it may be completed although sessions have not begun: those
    were not held, nobody was absent from them.

    Locks: the event. Raises: EventNotFound, NotYourEvent, WrongEventStatus, SessionsNotOver.
    """
    event = lock_event(event_id, by=by)
    if event.status == EventStatus.PUBLISHED:
        if not reason and event.sessions.filter(starts_at__gt=at).exists():
            raise SessionsNotOver
        add_message(kind=_CLOSE_SESSIONS, payload={"event_id": str(event_id)}, at=at)
    return _change_status(event_id, EventStatus.COMPLETED, by=by, at=at, reason=reason, completed_at=at)


@transaction.atomic
def reopen_event(*, by: User, at: datetime, event_id: UUID, reason: str) -> Event:
    """Publish a completed event again: scans are accepted, sessions that were not closed yet may change.

    Sessions that were closed stay so: who was expected is frozen, and a scan that arrives makes somebody who was absent
    present. A university-wide event that was called off meanwhile stays closed.

    Locks: the event. Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    event = lock_event(event_id, by=by)
    if event.status != EventStatus.COMPLETED:
        raise WrongEventStatus(f"An event that is {event.status} cannot be reopened.")
    if event.is_university_wide:
        common = get_federated_event(cast(UUID, event.federated_event_id))
        if common.status == FederatedStatus.CANCELLED:
            raise WrongEventStatus("The university-wide event was called off.")
    event.status, event.completed_at = EventStatus.PUBLISHED, None
    event.save()
    _share(event, at=at)
    _record(event, by=by, at=at, action="event.reopened", reason=reason)
    return event


def cancel_event(*, by: User, at: datetime, event_id: UUID, reason: str) -> Event:
    """Call a published event off. What was recorded stays.

    Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    return _change_status(
        event_id, EventStatus.CANCELLED, by=by, at=at, reason=reason, cancelled_at=at, cancel_reason=reason
    )


@transaction.atomic
def add_session(*, by: User, at: datetime, event_id: UUID, session: SessionData) -> Session:
    """Add a session.

    Raises: EventNotFound, NotYourEvent, EventClosed, InvalidTimes, StayTooLong, TooManySessions.
    """
    event = _lock_open_event(event_id, by=by)
    if event.sessions.count() >= MOST_SESSIONS:
        raise TooManySessions
    added = Session.objects.create(event=event, **_session_values(session))
    _follow_sessions(event)
    _share(event, at=at)
    _record(event, by=by, at=at, action="event.session_added", changes={"session": str(added.pk)})
    return added


@transaction.atomic
def add_sessions(
    *, by: User, at: datetime, event_id: UUID, sessions: Sequence[SessionData] | Pattern, dry_run: bool = False
) -> AddedSessions:
    """Add several sessions, all or none: those of a list, or of a pattern in the campus's zone.

    Sessions that lie over each other are allowed, and named. ``dry_run`` only says what would be added.

    Locks: the event. Raises: EventNotFound, NotYourEvent, EventClosed, TooManySessions, NoDays, OutsideCommonTimes;
    Several, of InvalidTimes and StayTooLong, naming ``sessions.<number>`` (from 0) or ``pattern.slots.<number>``.
    """
    event = _lock_open_event(event_id, by=by)
    there = list(event.sessions.order_by("starts_at", "id"))
    named = _repeat(sessions) if isinstance(sessions, Pattern) else _number(sessions)
    if len(there) + len(named) > MOST_SESSIONS:
        raise TooManySessions
    added, problems = [], {}
    for name, session in named:
        try:
            added.append(Session(event=event, **_session_values(session)))
        except (InvalidTimes, StayTooLong) as problem:
            attr = f"{name}.{problem.attr}"
            problems[attr] = cast(Invalid, type(problem)(problem.message, attr=attr))
    if problems:
        raise Several(list(problems.values()))
    compared = [*there, *added]
    found = find_overlaps([session.instants for session in compared])
    if not dry_run:
        Session.objects.bulk_create(added)
        _follow_sessions(event)
        _share(event, at=at)
        _record(
            event, by=by, at=at, action="event.sessions_added",
            changes={"sessions": [str(session.pk) for session in added]},
        )  # fmt: skip
    return AddedSessions(added, compared, [overlap for overlap in found if overlap.second >= len(there)])


@transaction.atomic
def update_session(*, by: User, at: datetime, event_id: UUID, session_id: UUID, changes: SessionData) -> Session:
    """Change a session. Its times and what it asks stay as they are once presence was recorded at it, or it was closed.

    Locks: the event, then the session. Raises: EventNotFound, SessionNotFound, NotYourEvent, EventClosed,
    SessionHasAttendance, SessionIsClosed, InvalidTimes, StayTooLong.
    """
    event = _lock_open_event(event_id, by=by)
    session = _lock_session(event, session_id)
    if changes.keys() - {"name"}:
        _refuse_settled(session)
    known = {name: getattr(session, name) for name in ("name", *Instants.__slots__, *POLICY_FIELDS)}
    times = session.starts_at, session.ends_at
    for name, value in _session_values({**known, **changes}).items():
        setattr(session, name, value)
    session.save()
    _follow_sessions(event)
    _share(event, at=at)
    if event.status == EventStatus.PUBLISHED and (session.starts_at, session.ends_at) != times:
        announce_moved(event, session, at=at)
    _record(
        event, by=by, at=at, action="event.session_changed",
        changes={"session": str(session_id), "fields": sorted(changes)},
    )  # fmt: skip
    return session


@transaction.atomic
def remove_session(*, by: User, at: datetime, event_id: UUID, session_id: UUID) -> None:
    """Take a session away at which nobody was recorded, and which was not closed.

    Locks: the event, then the session. Raises: EventNotFound, SessionNotFound, NotYourEvent, EventClosed,
    SessionHasAttendance, SessionIsClosed, LastSession.
    """
    event = _lock_open_event(event_id, by=by)
    session = _lock_session(event, session_id)
    _refuse_settled(session)
    if event.sessions.count() == 1:
        raise LastSession
    session.delete()
    _follow_sessions(event)
    _share(event, at=at)
    if event.status == EventStatus.PUBLISHED:
        announce_dropped(event, session, at=at)
    _record(event, by=by, at=at, action="event.session_removed", changes={"session": str(session_id)})


@transaction.atomic
def _change_status(
    event_id: UUID, to: EventStatus, *, by: User, at: datetime, reason: str = "", **stamps: Any
) -> Event:
    event = lock_event(event_id, by=by)
    if event.status == to:
        return event  # said twice
    if to not in TRANSITIONS[event.status]:
        raise WrongEventStatus(f"An event that is {event.status} cannot become {to}.")
    event.status = to
    for field, value in stamps.items():
        setattr(event, field, value)
    event.save()
    _share(event, at=at)
    if to == EventStatus.CANCELLED:
        announce_cancelled(event, at=at)
    _record(event, by=by, at=at, action=f"event.{to}", reason=reason)
    return event


def _share(event: Event, *, at: datetime) -> None:
    """Make what other campuses see of ``event`` what it is now; nothing for events that were never shared."""
    if event.status == EventStatus.DRAFT or event.is_university_wide:
        return
    if not event.is_multi_campus and event.federated_event_id is None:
        return
    if event.federated_event_id is None:
        # Doors that are writing are waited for and then seen; those that come later wait, and see the event opened.
        Event.objects.select_for_update(of=("self",)).get(pk=event.pk)
        if event.attendances.exists():  # of the app above, by the name of the relation
            raise EventHasAttendance
        event.federated_event_id = event.pk
        event.save(update_fields=["federated_event_id"])
    offer_event(
        at=at,
        offer=Offer(
            event_id=event.pk,
            status=event.status if event.is_multi_campus else FederatedStatus.WITHDRAWN,
            title=event.title,
            description=event.description,
            venue=event.venue,
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            sessions=[
                {
                    "id": str(session.pk),
                    "name": session.name,
                    **{name: moment.isoformat() for name, moment in _columns(session.instants).items()},
                }
                for session in event.sessions.order_by("starts_at", "id")
            ],
            published_at=event.published_at,
            completed_at=event.completed_at,
            cancelled_at=event.cancelled_at,
            cancel_reason=event.cancel_reason,
            invitations={row["campus"]: row["seats"] for row in event.invitations},
        ),
    )


def _invitations(
    known: list[dict[str, Any]],
    *,
    allowed_campuses: Sequence[str] | None,
    campus_seats: dict[str, int | None] | None,
) -> list[dict[str, Any]]:
    """Return the invitations after a change. A campus that was invited stays so when it is suspended meanwhile."""
    seats = {row["campus"]: row["seats"] for row in known}
    if allowed_campuses is not None:
        wanted = list(dict.fromkeys(code.upper() for code in allowed_campuses))
        check_invited([code for code in wanted if code not in seats])
        seats = {code: seats.get(code) for code in wanted}
    for code, number in (campus_seats or {}).items():
        if code.upper() not in seats:
            raise NothingToSeat(f"{code[:16]!r} is not among the allowed campuses.", attr="campus_seats")
        seats[code.upper()] = number
    return [{"campus": code, "seats": number} for code, number in sorted(seats.items())]


def _lock_open_event(event_id: UUID, *, by: User) -> Event:
    event = lock_event(event_id, by=by)
    if not TRANSITIONS[event.status]:
        raise EventClosed
    return event


def _check_own(event: Event, changed: Collection[str]) -> None:
    """Refuse what a change makes of the event's own fields. Needs the event's lock, for the places that are taken."""
    if "capacity" in changed and event.capacity is not None and event.capacity < count_taken(event):
        raise PlacesTaken(attr="capacity")
    if REGISTRATION_TIMES & set(changed) and not are_instants_sensible(
        opens_at=event.registration_opens_at,
        closes_at=event.registration_closes_at,
        releases_at=event.releases_seats_at,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
    ):
        raise InvalidRegistrationTimes(attr=min(REGISTRATION_TIMES & set(changed)))
    if (event.latitude is None) != (event.longitude is None):
        raise IncompletePosition(attr="longitude" if event.longitude is None else "latitude")


def _lock_session(event: Event, session_id: UUID) -> Session:
    """Return the session, locked until the transaction ends: it is not closed meanwhile."""
    session = event.sessions.select_for_update(no_key=True).filter(pk=session_id).first()
    if session is None:
        raise SessionNotFound
    return session


def _refuse_settled(session: Session) -> None:
    # The app above keeps attendance; its rows are asked for by the name they give this relation.
    if Session.objects.filter(pk=session.pk, attendances__isnull=False).exists():
        raise SessionHasAttendance
    if session.closed_at is not None:
        raise SessionIsClosed


def _follow_sessions(event: Event) -> None:
    sessions = [session.instants for session in event.sessions.all()]
    starts_at, ends_at = event_span(sessions)
    if event.is_university_wide:
        common = get_federated_event(cast(UUID, event.federated_event_id))
        if starts_at < common.starts_at or ends_at > common.ends_at:
            raise OutsideCommonTimes
    event.starts_at, event.ends_at = starts_at, ends_at
    event.save(update_fields=["starts_at", "ends_at", "updated_at"])


def _organizer(organizer_id: UUID | None, *, by: User) -> User | None:
    if by.acting is None and organizer_id in {None, by.pk}:
        return by
    if organizer_id is None:
        return None  # who acts here is nobody of this campus
    if by.role != Role.CAMPUS_ADMIN:
        raise NotYourEvent("Only a campus admin hands an event to somebody else.")
    organizer = User.objects.filter(pk=organizer_id, role__in=STAFF_ROLES, is_active=True).first()
    if organizer is None:
        raise OrganizerNotFound(attr="organizer_id")
    return organizer


def _number(sessions: Sequence[SessionData]) -> list[tuple[str, SessionData]]:
    return [(f"sessions.{number}", session) for number, session in enumerate(sessions)]


def _repeat(pattern: Pattern) -> list[tuple[str, SessionData]]:
    """Return the sessions of a pattern, each with the name of what made it. Stops where there are too many."""
    zone, made = current_campus().zone, []
    for day in list_days(pattern):
        for number, slot in enumerate(pattern.slots):
            instants = slot_instants(slot, day=day, zone=zone)
            made.append((f"pattern.slots.{number}", {"name": slot.name, **_columns(instants), **slot.policy}))
        if len(made) > MOST_SESSIONS:
            raise TooManySessions
    if not made:
        raise NoDays(attr="pattern")
    return made


def _session_values(session: SessionData) -> dict[str, Any]:
    """Return the columns of a session of which only start and end have to be said.

    Raises: InvalidTimes, StayTooLong.
    """
    instants = fill_instants(**{name: session[name] for name in Instants.__slots__ if name in session})
    if not instants.in_order:
        raise InvalidTimes(attr="starts_at")
    policy: dict[str, Any] = {name: session[name] for name in POLICY_FIELDS if name in session}
    stay = policy.get("minimum_stay")
    if stay is not None and timedelta(minutes=stay) > instants.ends_at - instants.starts_at:
        raise StayTooLong(attr="minimum_stay")
    return {"name": session.get("name", ""), **_columns(instants), **policy}


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
