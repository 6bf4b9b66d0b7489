"""Things for tests to be about, free of surprises: everything that matters is said in the call."""

from datetime import datetime, timedelta
from typing import Any

from shared_apps.common.clock import now
from shared_apps.federation.services.issuing import issue_pass
from tenant_apps.events.models import Event, Session
from tenant_apps.events.services.editing import create_event, publish_event
from tests.cast import Person, Site


def make_event(
    site: Site,
    *,
    status: str = "published",
    title: str = "Foundation Day",
    organizer: Person | None = None,
    starts: float = -10,
    sessions: int = 1,
    apart: float = 0,
) -> Event:
    """Create an event of ``site`` whose sessions start ``starts`` minutes from now, ``apart`` minutes from each other.

    A session opens an hour before its start, is late after 15 minutes, ends and closes after two hours.
    """
    moment = now()
    with site.here():
        begins = [moment + timedelta(minutes=starts + number * apart) for number in range(sessions)]
        event = Event.objects.create(
            title=title,
            status=status,
            organizer=(organizer or site.organizer).user,
            starts_at=begins[0],
            ends_at=begins[-1] + timedelta(hours=2),
            published_at=None if status == "draft" else moment,
        )
        for number, begin in enumerate(begins, start=1):
            make_session(event, begin, name=f"Session {number}")
    return event


def make_shared_event(
    host: Site, *guests: Site, seats: int | None = None, title: str = "Intercampus Games", starts: float = -10
) -> Event:
    """Publish an event of ``host`` to which ``guests`` are invited, each with ``seats``; one session, open now."""
    begins = now() + timedelta(minutes=starts)
    with host.here():
        event = create_event(
            by=host.organizer.user,
            at=now(),
            title=title,
            sessions=[{"starts_at": begins, "ends_at": begins + timedelta(hours=2)}],
            is_multi_campus=True,
            allowed_campuses=[guest.campus.code for guest in guests],
            campus_seats={guest.campus.code: seats for guest in guests},
        )
        return publish_event(by=host.organizer.user, at=now(), event_id=event.pk)


def make_session(event: Event, starts_at: datetime, **changes: Any) -> Session:
    """Create a session of ``event``; stand in its campus."""
    instants = {
        "opens_at": starts_at - timedelta(hours=1),
        "starts_at": starts_at,
        "late_after": starts_at + timedelta(minutes=15),
        "ends_at": starts_at + timedelta(hours=2),
        "closes_at": starts_at + timedelta(hours=2),
    }
    return Session.objects.create(event=event, **{**instants, **changes})


def pass_of(person: Person) -> str:
    """Return the text of a person's pass."""
    assert person.site is not None
    with person.site.here():
        person.user.refresh_from_db()
        return issue_pass(user=person.user, at=now()).text
