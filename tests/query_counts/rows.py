"""Many rows of everything, around the things of one campus."""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import Model

from shared_apps.accounts.models import AccessToken, Profile, RosterImport, SignInName, User
from shared_apps.audit.models import AuditEntry
from shared_apps.campuses.models import ActingGrant
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import (
    FederatedEvent,
    FederatedRegistration,
    Invitation,
    Reconciliation,
    RollUp,
    Transfer,
    Visit,
    VisitChange,
)
from shared_apps.periodic.models import Run
from tenant_apps.attendance.models import (
    Attendance,
    AttendanceRequest,
    Correction,
    Expected,
    Flag,
    Scan,
    ScanImport,
    Scanner,
    Visitor,
)
from tenant_apps.certificates.models import Certificate
from tenant_apps.events.models import Event, Guest, Registration, Session
from tenant_apps.events.rules.events import MOST_SESSIONS
from tenant_apps.exports.models import Export
from tenant_apps.notifications.models import Notice
from tenant_apps.uploads.models import Upload
from tenants.context import owner_context
from tenants.models import Campus, CampusDomain
from tests.cast import Cast
from tests.isolation.world import Things
from tests.query_counts.ways import list_codes

_HOUR = timedelta(hours=1)
# Half of what an event may have: calls add the other half.
_SESSIONS = MOST_SESSIONS // 2 - 1

# How many people a section has: a call about one of them takes no more than 500.
_SECTION = 400


def add_rows(things: Things, cast: Cast, *, since: int, until: int) -> None:
    """Add rows number ``since`` to ``until`` of everything that the routes are about, past every service.

    They belong to whoever the cases call by: to the student their notices, to the event its guests.
    """
    numbers, at = range(since, until), now()
    with owner_context(things.site.campus.schema_name):
        Event.objects.filter(pk=things.ids["shared"]).update(
            invitations=[{"campus": code, "seats": None} for code in list_codes(until)]
        )
        people = _people(things, numbers, at)
        events = _events(things, numbers, at)
        _attendances(things, numbers, at, people, events)
        _places(things, numbers, at, people, events)
        _work(things, numbers, at, people, events)
    with owner_context():
        _federation(things, cast, numbers, at)
        _registry(things, cast, numbers, at)


def _add(rows: Iterable[Model]) -> list[Any]:
    made = list(rows)
    return type(made[0])._default_manager.bulk_create(made) if made else []


def _then(at: datetime, number: int) -> datetime:
    """Return when row ``number`` was made: of lists with several kinds of rows each page has all of them."""
    return at - timedelta(seconds=number)


def _digest() -> bytes:
    return os.urandom(32)


def _people(things: Things, numbers: range, at: datetime) -> list[User]:
    people = _add(
        User(
            username=f"many{number}", student_id=f"M-{number}", first_name="Many", last_name=f"Person {number}",
            email=f"many{number}@example.edu", password="!",
        )
        for number in numbers
    )  # fmt: skip
    _add(
        Profile(
            user=person, department="CITE", program="BSIT", year_level=2,
            section="A" if number < _SECTION else f"B{number // _SECTION}",
        )
        for number, person in zip(numbers, people, strict=True)
    )  # fmt: skip
    _add(SignInName(name=person.username, user=person) for person in people)
    _add(_tokens(things.site.student.id, numbers, at))
    return people


def _tokens(user_id: UUID, numbers: range, at: datetime) -> Iterator[AccessToken]:
    for number in numbers:
        yield AccessToken(
            digest=_digest(), user_id=user_id, label=f"Phone {number}", created_at=at, expires_at=at + 99 * _HOUR
        )


def _session(event_id: Any, starts_at: datetime, name: str) -> Session:
    return Session(
        event_id=event_id, name=name, opens_at=starts_at - _HOUR, starts_at=starts_at,
        late_after=starts_at + _HOUR / 4, ends_at=starts_at + _HOUR, closes_at=starts_at + _HOUR,
    )  # fmt: skip


def _events(things: Things, numbers: range, at: datetime) -> list[tuple[Event, Session]]:
    """Add events with a session each, open now; and sessions to the events of the cases, on days that are over."""
    begins = at - _HOUR / 2
    events = _add(
        Event(
            title=f"Event {number}", status="published", organizer=things.site.organizer.user,
            starts_at=_then(begins, number),
            ends_at=begins + _HOUR, published_at=at, registration="open",
        )
        for number in numbers
    )  # fmt: skip
    sessions = _add(_session(event.pk, begins, "One") for event in events)
    _add(
        _session(event_id, at - (number + 1) * 24 * _HOUR, f"Day {number}")
        for event_id in (things.event.pk, things.ids["placed"], things.ids["required"])
        for number in numbers
        if number < _SESSIONS
    )
    # The student was absent from all days of the quiet one.
    missed = [_session(things.ids["quiet"], at - (number + 1) * 24 * _HOUR, f"Day {number}") for number in numbers]
    for session in missed:
        session.closed_at = at
    _add(
        Attendance(
            event_id=session.event_id, session=session, user_id=things.site.student.id, status="absent", method="none",
            created_at=at, updated_at=at,
        )
        for session in _add(missed[: max(0, _SESSIONS - numbers.start)])
    )  # fmt: skip
    return list(zip(events, sessions, strict=True))


def _attendances(
    things: Things, numbers: range, at: datetime, people: list[User], events: list[tuple[Event, Session]]
) -> None:
    """Let everybody attend the event, and the student every event; the student's attendance was scanned and decided
    often. Everybody was absent at the closed session.
    """
    student, ids = things.site.student.id, things.ids
    came = {"status": "present", "first_in_at": at, "method": "user", "operator_id": things.site.scanner.id}
    marks = {"created_at": at, "updated_at": at}
    _add(
        Attendance(event_id=ids["event"], session_id=ids["session"], user=person, **came, **marks) for person in people
    )
    _add(
        Attendance(event=event, session=session, user_id=student, **came, created_at=_then(at, number), updated_at=at)
        for number, (event, session) in enumerate(events)
    )
    visitors = _add(
        Visitor(home="SNSU", person_id=uuid7(), display_name=f"Visitor {number}", created_at=at) for number in numbers
    )
    _add(
        Attendance(event_id=ids["event"], session_id=ids["session"], visitor=visitor, **came, **marks)
        for visitor in visitors
    )
    _add(
        Attendance(
            event_id=ids["required"], session_id=ids["closed"], user=person, status="absent", method="none", **marks
        )
        for person in people
    )
    _add(
        Expected(session_id=ids["closed"], user=person, department="CITE", program="BSIT", year_level=2, section="A",
                 frozen_at=at)
        for person in people
    )  # fmt: skip
    _add(
        Scan(
            fingerprint=_digest(), event_id=ids["event"], session_id=ids["session"], user_id=student,
            attendance_id=things.attendance_id, operator_id=person.pk, direction="in", method="user",
            outcome="duplicate", code="already_recorded", received_at=at, effective_at=at, answer={},
        )
        for person in people
    )  # fmt: skip
    _add(
        Correction(
            attendance_id=things.attendance_id, from_status="present", to_status="late", reason="Seen", decided_at=at,
            decided_by_id=person.pk,
        )
        for person in people
    )  # fmt: skip


def _places(
    things: Things, numbers: range, at: datetime, people: list[User], events: list[tuple[Event, Session]]
) -> None:
    """Fill the event with places: half of the people ask, half have one; the friend has one at every event."""
    marks = {"requested_at": at, "updated_at": at}
    for event_id in (things.ids["placed"], things.ids["event"]):
        _add(
            Registration(event_id=event_id, user=person, state=("requested", "registered")[number % 2], **marks)
            for number, person in enumerate(people)
        )
        guests = _add(
            Guest(event_id=event_id, name=f"Guest {number}", pass_digest=_digest(), created_at=at) for number in numbers
        )
        _add(Registration(event_id=event_id, guest=guest, state="registered", **marks) for guest in guests)
    _add(
        Registration(event_id=things.ids["crowded"], user=person, state="waiting", waiting_since=at, **marks)
        for person in people
    )
    _add(Registration(event=event, user_id=things.site.friend.id, state="registered", **marks) for event, _ in events)


def _work(
    things: Things, numbers: range, at: datetime, people: list[User], events: list[tuple[Event, Session]]
) -> None:
    """Add what waits for somebody: requests of the student, flags, notices, devices, files; and the audit."""
    student, ids = things.site.student.id, things.ids
    asked = {"kind": "excuse", "wanted_status": "excused", "category": "medical", "reason": "Ill", "requested_at": at,
             "decide_by": at + 9 * _HOUR}  # fmt: skip
    _add(AttendanceRequest(event=event, session=session, user_id=student, **asked) for event, session in events)
    _add(AttendanceRequest(event_id=ids["event"], session_id=ids["session"], user=person, **asked) for person in people)
    _add(
        Flag(kind="two_doors", subject=f"subject {person.pk}", event_id=ids["event"], session_id=ids["session"],
             raised_at=at, person_id=person.person_id)
        for person in people
    )  # fmt: skip
    _add(
        Notice(user_id=student, kind="test", text=f"Notice of {event}", event_id=event.pk, created_at=at)
        for event, _ in events
    )
    accounts = _add(
        User(username=f"device{number}", role="scanner", is_device=True, password="!") for number in numbers
    )
    _add(Profile(user=account) for account in accounts)
    _add(
        Scanner(
            user=account, name=f"Gate {account.username}", event_ids=[ids["event"]], expires_at=at + 99 * _HOUR,
            enrolled_at=at, created_by_id=things.site.organizer.id, created_at=at,
        )
        for account in accounts
    )  # fmt: skip
    _add(
        RosterImport(file_name=f"{number}.csv", state="done", created_at=at, requested_by_id=things.site.admin.id)
        for number in numbers
    )
    _add(
        ScanImport(
            event_id=ids["event"], file_name=f"{number}.csv", state="done", created_at=at,
            requested_by_id=things.site.organizer.id,
        )
        for number in numbers
    )  # fmt: skip
    _add(
        Upload(
            kind=kind, subject_id=subject or uuid7(), media_type="image/png", file_name=f"{kind}{number}.png", size=1,
            digest=f"{number:064}", uploaded_by_id=student, uploaded_at=at,
        )
        for number in numbers
        for kind, subject in (("photo", None), ("evidence", ids["request"]))
        if kind == "photo" or number < 3  # of at most 5, and calls add one
    )  # fmt: skip
    presences = Attendance.objects.filter(user_id=student, event__in=[event for event, _ in events])
    _add(
        Certificate(
            attendance=presence, name="Ana Reyes", event_title="Event", held_on=at.date(), heading="Certificate",
            text="was there", issued_by_id=student, issued_at=at,
        )
        for presence in presences
    )  # fmt: skip
    _add(
        Export(
            dataset="events", format="csv", state="done", requested_by_id=student, created_at=at, expires_at=at + _HOUR
        )
        for number in numbers
    )
    _add(
        AuditEntry(at=at, action="test", target_type="event", target_id=ids["event"], actor_id=person.pk)
        for person in people
    )


def _federation(things: Things, cast: Cast, numbers: range, at: datetime) -> None:
    """Add shared events of another campus, places and visits there of the student and the friend, visitors and
    guests of one's own shared event, and moves.
    """
    here, other = things.site.campus.code, cast.snsu.campus.code
    events = _add(
        FederatedEvent(
            kind="hosted", host=other, title=f"Shared {number}", starts_at=_then(at - _HOUR / 2, number), ends_at=at + _HOUR,
            published_at=at, created_at=at, updated_at=at,
            sessions=[
                {"id": str(uuid7()), "name": "One"}
                | dict.fromkeys(("opens_at", "starts_at"), (at - _HOUR).isoformat())
                | dict.fromkeys(("late_after", "ends_at", "closes_at"), (at + _HOUR).isoformat())
            ],
        )
        for number in numbers
    )  # fmt: skip
    _add(Invitation(event_id=event.pk, campus=here, host=other, created_at=at, updated_at=at) for event in events)
    people = [things.site.student.user.person_id, things.site.friend.user.person_id]
    # The student has none at one of them: they can ask for it.
    places = [(event.pk, person, other, here) for event in events for person in people]
    visits = [(event.pk, event.title, person, other, here) for event in events for person in people]
    for number in numbers:
        visitor = uuid7()
        places.append((things.ids["shared"], visitor, here, other))
        visits.append((things.ids["shared"], f"Visitor {number}", visitor, here, other))
    _add(
        FederatedRegistration(
            event_id=event_id, person_id=person, host=host, home=home, state="registered", requested_at=at,
            updated_at=at,
        )
        for event_id, person, host, home in places
    )  # fmt: skip
    counted = _add(
        Visit(
            event_id=event_id, person_id=person, host=host, home=home, attendance_id=uuid7(), session_id=uuid7(),
            event_title=title, status="present", first_in_at=at, created_at=_then(at, number), updated_at=at,
        )
        for number, (event_id, title, person, host, home) in enumerate(visits)
    )  # fmt: skip
    _add(
        VisitChange(event_id=visit.event_id, visit_id=visit.id, host=visit.host, home=visit.home, from_status="late",
                    to_status="present", reason="Seen", changed_at=at)
        for visit in counted
    )  # fmt: skip
    _add(
        VisitChange(event_id=things.ids["shared"], visit_id=things.ids["visit"], host=here, home=other,
                    from_status=before, to_status=after, reason=f"Seen {number}", changed_at=at)
        for number in numbers
        for before, after in pairwise(("late", "present", "late"))
    )  # fmt: skip
    _add(
        Transfer(
            person_id=uuid7(), origin=here, destination=other, state="cancelled", reason="Moves", created_at=at,
            requested_by_id=things.site.admin.id, updated_at=at,
        )
        for _ in numbers
    )  # fmt: skip
    _add(Reconciliation(state="done", requested_at=at, finished_at=at) for _ in numbers)


def _registry(things: Things, cast: Cast, numbers: range, at: datetime) -> None:
    """Add campuses, grants to act in this one, super admins, and sign-ins of the one who asks."""
    ready = Campus.objects.get(pk=things.site.campus.id)
    campuses = _add(
        Campus(code=f"M{number}", name=f"Campus {number}", schema_name=f"c_m{number}", state="ready",
               schema_version=ready.schema_version)
        for number in numbers
    )  # fmt: skip
    _add(
        Run(
            name="work", site=f"M{number}", begins_at=at, sent_at=at, expires_at=at + _HOUR,
            state="done", started_at=at, finished_at=at, count=1,
        )
        for number in numbers
    )  # fmt: skip
    common = FederatedEvent.objects.filter(pk=things.ids["university"])
    common.update(participants=list_codes(numbers.stop))
    _add(
        Invitation(
            event_id=things.ids["shared"],
            campus=code,
            host=things.site.campus.code,
            created_at=at,
            updated_at=at,
        )
        for code in list_codes(numbers.stop)[numbers.start or 1 :]
    )
    _add(
        RollUp(campus=campus.code, kind=kind, starts_on=at.date(), department=department, figures={"came": 9}, as_of=at)
        for campus in campuses
        for kind, department in (("year", ""), ("year", "CITE"), ("month", ""))
    )
    _add(CampusDomain(host=f"m{campus.code.lower()}.localhost", campus=campus, is_primary=True) for campus in campuses)
    _add(
        ActingGrant(
            digest=_digest(), campus=things.site.campus.code, super_admin_id=cast.super_admin.id,
            super_admin_name="Sol Aquino", reason="Help", created_at=at, expires_at=at + _HOUR,
        )
        for _ in numbers
    )  # fmt: skip
    people = _add(User(username=f"super{number}", role="super_admin", password="!") for number in numbers)
    _add(Profile(user=person) for person in people)
    _add(_tokens(cast.super_admin.id, numbers, at))
