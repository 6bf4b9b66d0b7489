"""What a report is about, and what its figures mean: values alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import models

GROUP_PARTS: Final = ("department", "program", "year_level", "section")
FEWEST: Final = 5
"""Of fewer people than this, nothing leaves a campus but that there were some."""


class Figure(models.TextChoices):
    """A number that has rows behind it: each row is one person at one session, once, through however many doors."""

    EXPECTED = "expected", "Were expected: of the audience when the session was closed"
    CAME = "came", "Were there: present, late or left early"
    PRESENT = "present", "Came in time and stayed"
    LATE = "late", "Came late"
    LEFT_EARLY = "left_early", "Did not stay long enough"
    EXCUSED = "excused", "Were excused"
    ABSENT = "absent", "Were absent"
    UNACCOUNTED = "unaccounted", "Were expected and are neither: counted at another campus, or undone afterwards"
    EXPECTED_CAME = "expected_came", "Were expected and came"
    EXPECTED_ABSENT = "expected_absent", "Were expected and did not come"
    VISITORS = "visitors", "Came from another campus"
    GUESTS = "guests", "Came without an account"


class PersonKind(models.TextChoices):
    """Whose somebody is."""

    OWN = "own", "Of this campus"
    VISITOR = "visitor", "Of another campus"
    GUEST = "guest", "Without an account"


class Per(models.TextChoices):
    """What a report has one line for."""

    TOTAL = "total"
    EVENT = "event"
    SESSION = "session"
    DEPARTMENT = "department"
    PROGRAM = "program"
    YEAR_LEVEL = "year_level"
    SECTION = "section"
    PERSON = "person"
    HOME = "home"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


OF_GROUPS: Final = frozenset({Per.DEPARTMENT, Per.PROGRAM, Per.YEAR_LEVEL, Per.SECTION})
OF_DAYS: Final = frozenset({Per.DAY, Per.WEEK, Per.MONTH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is counted. None: not narrowed. An empty part of a group is those of whom it is not known.

    ``organizer_id``: only events that they run. ``since`` and ``until`` (not included) are about when sessions start.
    """

    organizer_id: UUID | None = None
    event_id: UUID | None = None
    session_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    # Only of sessions that start within one of these (begin, end), besides.
    periods: tuple[tuple[datetime, datetime], ...] | None = None
    department: str | None = None
    program: str | None = None
    year_level: int | None = None
    section: str | None = None
    person_id: UUID | None = None
    home: str | None = None


def rate(*, came: int, absent: int) -> float | None:
    """Return which part of those who were expected, and not excused, came; None where nobody was."""
    return round(came / (came + absent), 4) if came + absent else None


COMPARED: Final = ("expected", "came", "late", "absent", "people", "people_expected")


def compare(line: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, float | None]:
    """Return by how much the figures of ``line`` are more than those of ``first``; None where one has no rate."""
    found: dict[str, float | None] = {name: line[name] - first[name] for name in COMPARED}
    rates = line["rate"], first["rate"]
    found["rate"] = None if None in rates else round(rates[0] - rates[1], 4)
    return found


def period_of(per: str, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when the day, week or month that begins on ``day`` in the campus's zone begins and ends."""
    if per == Per.MONTH:
        last = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        last = day + timedelta(days=7 if per == Per.WEEK else 1)
    return tuple(datetime(one.year, one.month, one.day, tzinfo=zone) for one in (day, last))  # type: ignore[return-value]


def months_before(at: datetime, zone: ZoneInfo, count: int) -> list[tuple[date, datetime, datetime]]:
    """Return the last ``count`` months, that of ``at`` last, as (first day, begin, end) in the campus's zone."""
    day = at.astimezone(zone).date().replace(day=1)
    found = []
    for _ in range(count):
        found.append((day, *period_of(Per.MONTH, day, zone)))
        day = (day - timedelta(days=1)).replace(day=1)
    return found[::-1]


def join_small_groups(sizes: Sequence[tuple[str, int]]) -> list[list[str]]:
    """Return which groups are told together, each of at least ``FEWEST`` people; the joined one is last.

    Those that are too small are joined; where even that is too small, the smallest of the others joins them: else what
    is left of the total would tell it. Nothing is told where all of them together are too few.
    """
    ordered = sorted(sizes, key=lambda size: (-size[1], size[0]))
    alone = [name for name, people in ordered if people >= FEWEST]
    small = [(name, people) for name, people in ordered if people < FEWEST]
    sum_of_small = sum(people for _, people in small)
    joined = [name for name, _ in small]
    if joined and sum_of_small < FEWEST:
        if not alone:
            return []
        joined.append(alone.pop())
    return [[name] for name in alone] + ([joined] if joined else [])


def told(count: int) -> int | None:
    """Return a number of people as it may leave the campus: None where they are few, and somebody might know them."""
    return None if 0 < count < FEWEST else count
