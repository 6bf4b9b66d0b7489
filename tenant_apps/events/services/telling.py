"""Telling those whom an event concerns: of this campus, and of others who have a place.

Whoever changes an event writes one message, whatever the number of people; a task tells them. Visitors are told at
their home campus, by a message for each, so that one campus that is away is told later and keeps nobody waiting.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.selectors import list_ids_of_persons
from shared_apps.federation.selectors import list_homes_of_places, list_placed_persons
from shared_apps.outbox.services import add_message, add_messages, find_last_turn, take_slot
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.events import EventStatus
from tenant_apps.events.rules.registrations import LIVE, PlaceState
from tenant_apps.events.rules.telling import cancelled_text, dropped_text, moved_text, reminder_text, span, venue_text
from tenant_apps.events.selectors.audiences import list_concerned
from tenant_apps.notifications.rules.kinds import NoticeKind
from tenant_apps.notifications.services.notices import send_notices
from tenants.context import current_campus

REMIND_EVERY: Final = timedelta(minutes=1)
_REMINDER: Final = "remind-of-sessions"
# Tasks of this app, by name: verbs know no broker.
_TELL: Final = "tenant_apps.events.tasks.tell_concerned_people"
_TELL_VISITORS: Final = "tenant_apps.events.tasks.tell_visitors"


def announce_cancelled(event: Event, *, at: datetime) -> None:
    """Have it told that an event that people knew of was called off. In the transaction that does it."""
    when = span(event.starts_at, event.ends_at, current_campus().zone)
    text = cancelled_text(title=event.title, when=when, reason=event.cancel_reason)
    _announce(event, NoticeKind.CANCELLED, text, at=at)


def announce_venue(event: Event, *, at: datetime) -> None:
    """Have it told that an event has another place. In the transaction that changes it."""
    if event.ends_at > at:
        _announce(event, NoticeKind.CHANGED, venue_text(title=event.title, venue=event.venue), at=at)


def announce_moved(event: Event, session: Session, *, at: datetime) -> None:
    """Have it told that a session has other times. In the transaction that changes them."""
    if session.ends_at > at:
        when = span(session.starts_at, session.ends_at, current_campus().zone)
        text = moved_text(title=event.title, session=session.name, when=when)
        _announce(event, NoticeKind.CHANGED, text, at=at)


def announce_dropped(event: Event, session: Session, *, at: datetime) -> None:
    """Have it told that a session was taken away. In the transaction that does it."""
    if session.ends_at > at:
        when = span(session.starts_at, session.ends_at, current_campus().zone)
        text = dropped_text(title=event.title, session=session.name, when=when)
        _announce(event, NoticeKind.CHANGED, text, at=at)


def tell_concerned(*, event_id: UUID, kind: str, text: str, once: str, at: datetime) -> None:
    """Tell everybody who has, waits for or asked for a place, or is expected; visitors by messages to their homes.

    Needs a transaction. Each person is told ``once``.
    """
    event = Event.objects.filter(pk=event_id).first()
    if event is not None:
        _tell(event, states=LIVE, kind=kind, text=text, once=once, at=at)


@transaction.atomic
def tell_visitors(
    *, event_id: UUID, kind: str, text: str, once: str, at: datetime, expires_at: datetime | None,
    states: Sequence[str], persons: Sequence[UUID] | None = None,
) -> None:  # fmt: skip
    """Tell those of this campus who have a place at another campus's event, or those ``persons`` among them.

    Stand in the home campus. Told again, nobody hears it twice.
    """
    placed = list_placed_persons(event_id=event_id, home=current_campus().code, states=states)
    wanted = placed if persons is None else set(placed) & set(persons)
    people = list_ids_of_persons(wanted)
    send_notices(to=people, kind=kind, text=text, event_id=event_id, once=once, at=at, expires_at=expires_at)


@transaction.atomic
def remind_of_sessions(*, at: datetime, lead: timedelta) -> int:
    """Remind of every session that starts within ``lead`` and did not at the last turn; return of how many.

    Those are reminded who have a place, or are expected. The turn and the reminders are one transaction, so a run that
    was killed is followed by another that begins where it began. A session that is moved away is reminded of again.
    """
    since = find_last_turn(name=_REMINDER) or at - REMIND_EVERY
    if not lead or not take_slot(name=_REMINDER, every=REMIND_EVERY, at=at):
        return 0
    soon = Session.objects.filter(
        event__status=EventStatus.PUBLISHED, starts_at__gt=max(at, since + lead), starts_at__lte=at + lead
    )
    sessions = list(soon.select_related("event").order_by("starts_at", "id"))
    for session in sessions:
        event = session.event
        text = reminder_text(
            title=event.title, session=session.name, venue=event.venue,
            when=span(session.starts_at, session.ends_at, current_campus().zone),
        )  # fmt: skip
        once = f"{NoticeKind.REMINDER}:{session.pk}:{int(session.starts_at.timestamp())}"
        _tell(
            event, states=(PlaceState.REGISTERED,), kind=NoticeKind.REMINDER, text=text, once=once, at=at,
            expires_at=session.starts_at,
        )  # fmt: skip
    return len(sessions)


def _tell(
    event: Event, *, states: Iterable[str], kind: str, text: str, once: str, at: datetime,
    expires_at: datetime | None = None,
) -> None:  # fmt: skip
    people = list_concerned(event.pk, states=states)
    send_notices(to=people, kind=kind, text=text, event_id=event.pk, once=once, at=at, expires_at=expires_at)
    if event.federated_event_id != event.pk:
        return  # nobody of another campus has a place at it
    payload: dict[str, Any] = {
        "event_id": str(event.pk),
        "kind": kind,
        "text": f"{current_campus().name}: {text}",
        "once": once,
        "states": [str(state) for state in states],
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    homes = list_homes_of_places(event_id=event.pk, states=states)
    if homes:
        add_messages(kind=_TELL_VISITORS, payloads=[{**payload, "home": home} for home in homes], at=at)


def _announce(event: Event, kind: NoticeKind, text: str, *, at: datetime) -> None:
    add_message(kind=_TELL, payload={"event_id": str(event.pk), "kind": kind.value, "text": text}, at=at)
