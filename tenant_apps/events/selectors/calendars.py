"""What is in calendars, and whose they are."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.federation.models import FederatedEvent
from shared_apps.federation.rules import FederatedStatus
from shared_apps.federation.selectors import get_invited_event, list_events_away
from tenant_apps.events.errors import CalendarNotFound
from tenant_apps.events.models import CalendarFeed, Event
from tenant_apps.events.rules.calendars import CANCELLED, CONFIRMED, KEPT, MOST_ENTRIES, TENTATIVE, Entry
from tenant_apps.events.rules.events import EventStatus
from tenant_apps.events.rules.registrations import LIVE, PlaceState
from tenant_apps.events.selectors.audiences import IN_AUDIENCE
from tenant_apps.events.selectors.events import find_visible_event
from tenants.context import site_code
from tenants.keys import digest

# Sessions of the events at which somebody has, waits for or asked for a place, is expected, or which they run.
_OWN: Final = f"""
    SELECT s.id, e.id, e.title, s.name, e.description, e.venue, s.starts_at, s.ends_at, e.status, e.created_at,
           e.updated_at, e.cancel_reason, e.latitude, e.longitude, r.state
      FROM accounts_user u
      JOIN accounts_profile p ON p.user_id = u.id
      CROSS JOIN events_event e
      JOIN events_session s ON s.event_id = e.id
      LEFT JOIN events_registration r ON r.event_id = e.id AND r.user_id = u.id AND r.state = ANY(%(live)s)
     WHERE u.id = %(user_id)s AND e.status <> 'draft' AND e.ends_at >= %(since)s
       AND (r.id IS NOT NULL OR e.organizer_id = u.id OR (e.is_required AND {IN_AUDIENCE}))
     ORDER BY s.starts_at DESC, s.id LIMIT %(most)s
"""


def list_event_entries(*, user: User, event_id: UUID) -> tuple[str, list[Entry]]:
    """Return the title and the sessions of one event, of this campus or of one that invites it.

    Raises: EventNotFound, FederatedEventNotFound.
    """
    event = find_visible_event(user=user, event_id=event_id)
    if event is not None:
        return event.title, _of_event(event)
    shared = get_invited_event(event_id)
    return shared.title, _of_shared(shared, is_held=True)


def list_own_entries(*, user: User, at: datetime) -> list[Entry]:
    """Return the sessions that concern ``user``, here and at other campuses, the latest first. Two statements."""
    since = at - KEPT
    values: dict[str, Any] = {"user_id": user.pk, "since": since, "live": list(LIVE), "most": MOST_ENTRIES}
    with connection.cursor() as cursor:
        cursor.execute(_OWN, values)
        entries = [_own(*row) for row in cursor.fetchall()]
    for shared in list_events_away(user, since=since)[:MOST_ENTRIES]:
        entries += _of_shared(shared, is_held=not shared.is_waiting)  # type: ignore[attr-defined]
    entries.sort(key=lambda entry: (entry.starts_at, entry.session_id), reverse=True)
    return entries[:MOST_ENTRIES]


def find_feed(user: User) -> CalendarFeed | None:
    """Return one's own feed, without the secret: nobody knows it any more."""
    return CalendarFeed.objects.filter(user_id=user.pk).first()


def get_owner_of_feed(secret: str) -> User:
    """Return the person whose calendar that secret opens.

    Raises: CalendarNotFound: unknown, renewed, of another campus, or of somebody whose account was closed.
    """
    feed = CalendarFeed.objects.select_related("user").filter(digest=digest_secret(secret)).first()
    if feed is None or not feed.user.is_active:
        raise CalendarNotFound
    return feed.user


def digest_secret(secret: str) -> bytes:
    """Return what is kept of a secret. It covers the campus: a row copied to another one opens nothing there."""
    return digest(f"{site_code()}.calendar_{secret}")


def _own(
    session_id: UUID, event_id: UUID, title: str, name: str, description: str, venue: str, starts_at: datetime,
    ends_at: datetime, status: str, created_at: datetime, updated_at: datetime, cancel_reason: str,
    latitude: float | None, longitude: float | None, place: str | None,
) -> Entry:  # fmt: skip
    is_held = place in {None, PlaceState.REGISTERED}
    return Entry(
        session_id, event_id, title, name, description, venue, starts_at, ends_at, _status(status, is_held=is_held),
        created_at, updated_at, cancel_reason, _position(latitude, longitude),
    )  # fmt: skip


def _of_event(event: Event) -> list[Entry]:
    status, position = _status(event.status, is_held=True), _position(event.latitude, event.longitude)
    return [
        Entry(
            session.pk, event.pk, event.title, session.name, event.description, event.venue, session.starts_at,
            session.ends_at, status, event.created_at, event.updated_at, event.cancel_reason, position,
        )
        for session in event.sessions.all()
    ]  # fmt: skip


def _of_shared(event: FederatedEvent, *, is_held: bool) -> list[Entry]:
    status = _status(event.status, is_held=is_held)
    return [
        Entry(
            UUID(session["id"]), event.pk, event.title, session["name"], event.description, event.venue,
            session["starts_at"], session["ends_at"], status, event.created_at, event.updated_at, event.cancel_reason,
        )
        for session in event.session_values
    ]  # fmt: skip


def _status(status: str, *, is_held: bool) -> str:
    if status in {EventStatus.CANCELLED, FederatedStatus.CANCELLED}:
        return CANCELLED
    return CONFIRMED if is_held else TENTATIVE


def _position(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    return None if latitude is None or longitude is None else (latitude, longitude)
