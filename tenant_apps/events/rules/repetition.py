"""Sessions that repeat, computed from local wall time; and which sessions lie over each other. From values alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import combinations
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import models

from shared_apps.common.clock import to_instant
from tenant_apps.events.rules.events import LATE_AFTER, OPENS_BEFORE, Instants

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Slot:
    """One session of every day, in wall time. One that ends at or before its start ends on the next day."""

    starts: time
    ends: time
    name: str = ""
    opens_before: timedelta = OPENS_BEFORE
    late_after: timedelta = LATE_AFTER
    closes_after: timedelta = timedelta()
    # What it asks of those who come, by the names of ``Session``'s columns.
    policy: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The same slots on several days: until ``last_day``, or that many of them. No weekdays: every day."""

    first_day: date
    slots: Sequence[Slot]
    last_day: date | None = None
    count: int | None = None
    weekdays: frozenset[str] = frozenset()


class OverlapKind(models.TextChoices):
    """How two sessions of one event may be in each other's way."""

    SESSIONS_OVERLAP = "sessions_overlap", "They happen at the same time."
    BOTH_OPEN = "both_open", "Both take presence for a while: scans have to say which session they are for."


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two sessions, by their place in the list that was asked about."""

    kind: OverlapKind
    first: int
    second: int


def list_days(pattern: Pattern) -> Iterator[date]:
    """Yield the days of the pattern, in order."""
    day, found = pattern.first_day, 0
    while (pattern.last_day is None or day <= pattern.last_day) and (pattern.count is None or found < pattern.count):
        if not pattern.weekdays or WEEKDAYS[day.weekday()] in pattern.weekdays:
            found += 1
            yield day
        day += timedelta(days=1)


def slot_instants(slot: Slot, *, day: date, zone: ZoneInfo) -> Instants:
    """Return the instants of a slot on a day of the campus.

    Start and end are wall time, so eight o'clock is eight o'clock on both sides of a change of the clocks. A wall time
    that the zone skips is moved forward by what it skips; of one that it repeats the first counts. Where the end is
    thereby no longer after the start, the session keeps the length that the clock shows. Opening, lateness and closing
    are minutes that pass, counted from there.
    """
    wall_start = datetime.combine(day, slot.starts)
    wall_end = datetime.combine(day if slot.ends > slot.starts else day + timedelta(days=1), slot.ends)
    starts_at, ends_at = to_instant(wall_start, zone), to_instant(wall_end, zone)
    if ends_at <= starts_at:
        ends_at = starts_at + (wall_end - wall_start)
    return Instants(
        opens_at=starts_at - slot.opens_before,
        starts_at=starts_at,
        late_after=min(starts_at + slot.late_after, ends_at),
        ends_at=ends_at,
        closes_at=ends_at + slot.closes_after,
    )


def find_overlaps(sessions: Sequence[Instants]) -> list[Overlap]:
    """Return which of the sessions happen, or take presence, at the same time. That is allowed, and worth knowing."""
    found = []
    for (first, one), (second, other) in combinations(enumerate(sessions), 2):
        if one.starts_at < other.ends_at and other.starts_at < one.ends_at:
            found.append(Overlap(OverlapKind.SESSIONS_OVERLAP, first, second))
        elif one.opens_at < other.closes_at and other.opens_at < one.closes_at:
            found.append(Overlap(OverlapKind.BOTH_OPEN, first, second))
    return found
