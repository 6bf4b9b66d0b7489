"""Sessions from wall time: eight o'clock is eight o'clock, whatever the clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_apps.events.rules.events import Instants
from tenant_apps.events.rules.repetition import Pattern, Slot, find_overlaps, list_days, slot_instants

MANILA, NEW_YORK, LORD_HOWE = (ZoneInfo(name) for name in ("Asia/Manila", "America/New_York", "Australia/Lord_Howe"))
# No changes; an hour; half an hour; at midnight; backwards in winter; a quarter's offset; a zone that changes its mind.
ZONES = st.sampled_from(
    ["Asia/Manila", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "Europe/Dublin",
     "Pacific/Chatham", "Africa/Casablanca", "America/Santiago", "Asia/Beirut", "UTC"]
).map(ZoneInfo)  # fmt: skip
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0, fold=0))
MINUTES = st.integers(0, 180).map(lambda number: timedelta(minutes=number))


def local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def transitions(zone: ZoneInfo) -> list[date]:
    """The days on which the zone's clocks change."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(7 * 365)]
    offsets = [datetime.combine(day, time(), tzinfo=UTC).astimezone(zone).utcoffset() for day in days]
    return [day for day, one, two in zip(days, offsets, offsets[1:], strict=False) if one != two]


@given(
    zone=ZONES,
    day=DAYS,
    starts=CLOCKS,
    ends=CLOCKS,
    before=MINUTES,
    late=MINUTES,
    after=MINUTES,
    near=st.booleans(),
    which=st.integers(0, 99),
)
def test_wall_time_is_kept_in_every_zone(zone, day, starts, ends, before, late, after, near, which) -> None:
    changes = transitions(zone) if near else []
    day = changes[which % len(changes)] if changes else day
    slot = Slot(starts=starts, ends=ends, opens_before=before, late_after=late, closes_after=after)

    made = slot_instants(slot, day=day, zone=zone)

    wall_start = datetime.combine(day, starts)
    wall_end = datetime.combine(day if ends > starts else day + timedelta(days=1), ends)
    exists = local(wall_start.replace(tzinfo=zone).astimezone(UTC), zone) == wall_start
    if exists:
        assert local(made.starts_at, zone) == wall_start
        # Of a repeated hour the first: an hour (or less) sooner the clock showed something else, or the offset was equal.
        assert made.starts_at <= wall_start.replace(tzinfo=zone, fold=1).astimezone(UTC)
    else:
        gap = local(made.starts_at, zone) - wall_start
        assert timedelta() < gap <= timedelta(hours=1)
    if local(wall_end.replace(tzinfo=zone).astimezone(UTC), zone) == wall_end and exists:
        assert local(made.ends_at, zone) == wall_end
    assert made.starts_at < made.ends_at
    assert made.in_order or made.closes_at - made.opens_at > timedelta(hours=24)
    assert made.starts_at - made.opens_at == before
    assert made.closes_at - made.ends_at == after


@pytest.mark.parametrize(
    ("zone", "day", "starts", "ends", "instants"),
    [
        (MANILA, date(2026, 3, 8), "08:00", "12:00", ("2026-03-08T00:00", "2026-03-08T04:00")),
        # The day before, of, and after the change to summer time.
        (NEW_YORK, date(2026, 3, 7), "08:00", "12:00", ("2026-03-07T13:00", "2026-03-07T17:00")),
        (NEW_YORK, date(2026, 3, 8), "08:00", "12:00", ("2026-03-08T12:00", "2026-03-08T16:00")),
        # 02:30 does not exist: it is half past three. 01:30 to 03:30 lasts one hour.
        (NEW_YORK, date(2026, 3, 8), "02:30", "12:00", ("2026-03-08T07:30", "2026-03-08T16:00")),
        (NEW_YORK, date(2026, 3, 8), "01:30", "03:30", ("2026-03-08T06:30", "2026-03-08T07:30")),
        # 03:15 comes before the moved start: the length that the clock shows, 45 minutes.
        (NEW_YORK, date(2026, 3, 8), "02:30", "03:15", ("2026-03-08T07:30", "2026-03-08T08:15")),
        # 01:30 comes twice: the first.
        (NEW_YORK, date(2026, 11, 1), "01:30", "02:30", ("2026-11-01T05:30", "2026-11-01T07:30")),
        (LORD_HOWE, date(2026, 10, 4), "02:15", "04:00", ("2026-10-03T15:45", "2026-10-03T17:00")),
        # Over midnight.
        (MANILA, date(2026, 3, 8), "22:00", "02:00", ("2026-03-08T14:00", "2026-03-08T18:00")),
    ],
)
def test_hours_that_are_missing_or_come_twice(zone, day, starts, ends, instants) -> None:
    slot = Slot(starts=time.fromisoformat(starts), ends=time.fromisoformat(ends))

    made = slot_instants(slot, day=day, zone=zone)

    assert (made.starts_at, made.ends_at) == tuple(
        datetime.fromisoformat(text).replace(tzinfo=UTC) for text in instants
    )


def test_days_by_their_number_and_by_the_last_one() -> None:
    monday = date(2026, 3, 2)
    slot = Slot(starts=time(8), ends=time(12))

    def days(**values) -> list[int]:
        return [day.day for day in list_days(Pattern(first_day=monday, slots=[slot], **values))]

    assert days(count=3) == [2, 3, 4]
    assert days(last_day=date(2026, 3, 4)) == [2, 3, 4]
    assert days(count=3, weekdays=frozenset({"tue", "thu"})) == [3, 5, 10]
    assert days(last_day=date(2026, 3, 1)) == []


def test_overlaps_name_pairs_and_touching_is_none() -> None:
    noon = datetime(2026, 3, 2, 4, tzinfo=UTC)

    def session(opens: int, starts: int, ends: int, closes: int) -> Instants:
        moments = [noon + timedelta(minutes=minute) for minute in (opens, starts, starts, ends, closes)]
        return Instants(*moments)

    morning, afternoon = session(-240, -180, 0, 0), session(0, 60, 240, 240)
    early, inside = session(-30, 60, 240, 240), session(-120, -120, -60, -60)

    assert find_overlaps([morning, afternoon]) == []
    assert [(one.kind, one.first, one.second) for one in find_overlaps([morning, early, inside])] == [
        ("both_open", 0, 1), ("sessions_overlap", 0, 2),
    ]  # fmt: skip
