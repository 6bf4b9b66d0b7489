"""The daily digest of an organizer: which day it is of, and its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from tenant_apps.events.rules.telling import named, span

# Later on its day a digest is of no use.
LATEST_AFTER: Final = timedelta(hours=12)
_MOST_LINES: Final = 30
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Ahead:
    """A session that begins today. ``capacity`` None: no limit."""

    title: str
    session: str
    starts_at: datetime
    ends_at: datetime
    taken: int
    capacity: int | None


@dataclass(frozen=True, slots=True)
class Over:
    """A session that was closed since the last digest. ``present`` counts those who came late too."""

    title: str
    session: str
    starts_at: datetime
    ends_at: datetime
    present: int
    late: int
    absent: int
    excused: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits for a decision: requests about attendance, requests for places, suspicions."""

    requests: int = 0
    places: int = 0
    flags: int = 0


def digest_instant(*, at: datetime, hour: int, zone: tzinfo) -> datetime:
    """Return when the digest was due that is due at ``at``: the last time it was ``hour`` in that zone."""
    local = at.astimezone(zone)
    due = datetime.combine(local.date(), time(hour), tzinfo=zone)
    return due if due <= local else datetime.combine(local.date() - _DAY, time(hour), tzinfo=zone)


def compose_digest(*, ahead: Sequence[Ahead], over: Sequence[Over], waiting: Waiting, zone: tzinfo) -> str:
    """Return the digest, its first line saying it all in short; empty where there is nothing to say."""
    waits = [
        (waiting.requests, "requests about attendance wait for a decision"),
        (waiting.places, "requests for a place wait for a decision"),
        (waiting.flags, "suspicions wait for a look"),
    ]
    total = sum(count for count, _ in waits)
    if not (ahead or over or total):
        return ""
    parts = [f"Sessions today: {len(ahead)}. Closed since yesterday: {len(over)}. Waiting for you: {total}."]
    if ahead:
        parts += ["", "Today", *_first(ahead, lambda row: _ahead_line(row, zone))]
    if over:
        parts += ["", "Closed since yesterday", *_first(over, _over_line)]
    if total:
        parts += ["", "Waiting for you", *(f"- {count} {what}" for count, what in waits if count)]
    return "\n".join(parts)


def _first(rows, line):  # type: ignore[no-untyped-def]
    more = [f"- and {len(rows) - _MOST_LINES} more"] if len(rows) > _MOST_LINES else []
    return [f"- {line(row)}" for row in rows[:_MOST_LINES]] + more


def _ahead_line(row: Ahead, zone: tzinfo) -> str:
    places = f"; {row.taken}{f' of {row.capacity}' if row.capacity is not None else ''} places taken"
    has_places = row.taken or row.capacity is not None
    return f"{named(row.title, row.session)}: {span(row.starts_at, row.ends_at, zone)}{places if has_places else ''}"


def _over_line(row: Over) -> str:
    return (
        f"{named(row.title, row.session)}: {row.present} present, {row.late} of them late; "
        f"{row.absent} absent, {row.excused} excused"
    )
