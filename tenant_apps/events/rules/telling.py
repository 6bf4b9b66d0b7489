"""What people are told about events, in words."""

from datetime import datetime, tzinfo


def moment(at: datetime, zone: tzinfo) -> str:
    """Return an instant as the campus says it."""
    return f"{at.astimezone(zone):%a %d %b %Y, %H:%M}"


def span(starts_at: datetime, ends_at: datetime, zone: tzinfo) -> str:
    """Return from when to when, the day said once where it is one."""
    first, last = starts_at.astimezone(zone), ends_at.astimezone(zone)
    until = f"{last:%H:%M}" if first.date() == last.date() else moment(ends_at, zone)
    return f"{moment(starts_at, zone)} to {until}"


def named(title: str, session: str = "") -> str:
    """Return what an event, or one session of it, is called."""
    return f"“{title}”, {session}" if session else f"“{title}”"


def reminder_text(*, title: str, session: str, venue: str, when: str) -> str:
    """Return the reminder of one session."""
    return f"{named(title, session)} starts soon: {when}{f', at {venue}' if venue else ''}."


def moved_text(*, title: str, session: str, when: str) -> str:
    """Return what is said of a session whose times have changed."""
    return f"{named(title, session)} takes place at another time: {when}."


def dropped_text(*, title: str, session: str, when: str) -> str:
    """Return what is said of a session that was taken away."""
    return f"A session of {named(title)} does not take place: {f'{session}, ' if session else ''}{when}."


def venue_text(*, title: str, venue: str) -> str:
    """Return what is said of an event that has another place."""
    return f"{named(title)} takes place elsewhere: {venue or 'the place is not known yet'}."


def cancelled_text(*, title: str, when: str, reason: str) -> str:
    """Return what is said of an event that was called off."""
    return f"{named(title)} ({when}) was cancelled{f': {reason}' if reason else ''}."
