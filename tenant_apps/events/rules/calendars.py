"""Sessions as a calendar (RFC 5545), from values alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.prop import vDuration

from shared_apps.common.text import is_printable

CONFIRMED: Final = "CONFIRMED"
TENTATIVE: Final = "TENTATIVE"
CANCELLED: Final = "CANCELLED"
# A feed has what began in this time before, and what is to come.
KEPT: Final = timedelta(days=365)
MOST_ENTRIES: Final = 1000
_LOOK_AGAIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One session as a calendar shows it. ``position``: degrees of latitude and longitude."""

    session_id: UUID
    event_id: UUID
    title: str
    session_name: str
    description: str
    venue: str
    starts_at: datetime
    ends_at: datetime
    status: str
    created_at: datetime
    updated_at: datetime
    cancel_reason: str = ""
    position: tuple[float, float] | None = None


def write_calendar(entries: Sequence[Entry], *, name: str, zone: ZoneInfo, address_of: Callable[[UUID], str]) -> bytes:
    """Return a calendar of these sessions, in wall time of ``zone``; the same for the same values, to the byte.

    A session keeps its UID for good. How often it changed is not counted: SEQUENCE is the seconds from its event's
    creation to the last change, which grows with each as well.
    """
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//EAS//Event attendance//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("name", _text(name))
    calendar.add("x-wr-calname", _text(name))
    calendar.add("refresh-interval", vDuration(_LOOK_AGAIN), parameters={"VALUE": "DURATION"})
    for entry in entries:
        calendar.add_component(_event(entry, zone=zone, address=address_of(entry.event_id)))
    if entries:
        calendar.add_missing_timezones(
            first_date=min(entry.starts_at for entry in entries).date() - timedelta(days=1),
            last_date=max(entry.ends_at for entry in entries).date() + timedelta(days=1),
        )
    return calendar.to_ical()


def _event(entry: Entry, *, zone: ZoneInfo, address: str) -> Event:
    event = Event()
    event.add("uid", str(entry.session_id))
    # Without a METHOD both say when this was last changed.
    event.add("dtstamp", entry.updated_at)
    event.add("last-modified", entry.updated_at)
    event.add("sequence", max(0, int((entry.updated_at - entry.created_at).total_seconds())))
    event.add("dtstart", entry.starts_at.astimezone(zone))
    event.add("dtend", entry.ends_at.astimezone(zone))
    event.add("summary", _text(f"{entry.title}: {entry.session_name}" if entry.session_name else entry.title))
    event.add("status", entry.status)
    why = f"Cancelled: {entry.cancel_reason}" if entry.status == CANCELLED and entry.cancel_reason else ""
    if words := "\n\n".join(part for part in (why, entry.description) if part):
        event.add("description", _text(words))
    if entry.venue:
        event.add("location", _text(entry.venue))
    if entry.position:
        event.add("geo", entry.position)
    event.add("url", address)
    return event


def _text(words: str) -> str:
    """Take out what no text of a calendar may hold."""
    lines = words.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter for letter in lines if is_printable(letter, also="\n\t"))
